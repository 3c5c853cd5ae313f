"""A convolutional denoiser for Fashion-MNIST, one model for noise up to 0.6.

Source: Vincent et al. 2010, "Stacked denoising autoencoders", with the network of
Ronneberger et al. 2015, "U-Net".
Command: ae-zoo train denoising_fashion_mnist
Wall time: 49 min on 2 cores of AMD EPYC, shared with other work.
Expected: test PSNR 26.31, 22.03 and 18.71 dB at noise 0.1, 0.25 and 0.5. The best
linear denoiser has 24.73, 20.16 and 17.40, and non-local means less than that.
"""

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation, networks, optimizers
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (28, 28, 1)
BASELINES = ("linear denoiser", "non-local means")


def build():
    encoder = networks.u_net_encoder(INPUT_SHAPE, [16, 32, 64])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1, output="linear")
    return DenoisingAutoencoder(
        encoder,
        decoder,
        corruption=GaussianCorruption(stddev=(0.0, 0.6)),
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


recipe = Recipe(
    build=build,
    dataset="fashion_mnist",
    task="Removes Gaussian noise with a standard deviation up to 0.6 from small images "
    "of clothes.",
    epochs=20,
    batch_size=128,
    optimizer=optimizers.adam(2e-3, decay="cosine"),
    metrics=tuple(
        evaluation.Denoising(stddev=stddev, headline_metric="psnr", baselines=BASELINES)
        for stddev in (0.25, 0.1, 0.5)
    ),
    paper="Vincent et al. 2010, JMLR 11",
    license="Apache-2.0",
    limits="For gray clothes on black, 28×28 pixels, with the noisy image clipped to "
    "[0, 1].",
)
