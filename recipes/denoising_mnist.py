"""A convolutional denoiser for MNIST, one model for all levels of Gaussian noise.

Source: Vincent et al. 2010, "Stacked denoising autoencoders", with the network of
Ronneberger et al. 2015, "U-Net". The protocol and the published number are those of
keras.io, "Convolutional autoencoder for image denoising".
Command: ae-zoo train denoising_mnist
Wall time: 38 min on 1 core of Intel Xeon (with AMX, which multiplies bfloat16).
Expected: test binary cross-entropy per pixel 0.0787 at noise 0.4 (keras.io: 0.0839);
PSNR 21.01 dB at noise 0.5 (best linear denoiser: 17.62). At every noise from 0.1
(30.25 dB, 27.44) to 1 (16.38 dB, 14.54), the PSNR is above that of the linear denoiser
fitted to that noise.
"""

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation, networks, optimizers
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (28, 28, 1)


def build():
    encoder = networks.u_net_encoder(INPUT_SHAPE, [32, 32, 32, 56])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1)
    return DenoisingAutoencoder(
        encoder, decoder, corruption=GaussianCorruption(stddev=(0.0, 1.0))
    )


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Removes Gaussian noise of any strength from images of handwritten digits.",
    epochs=48,
    batch_size=128,
    optimizer=optimizers.adam(2e-3, decay="cosine", warmup=True),
    dtype_policy="mixed_bfloat16",
    metrics=(
        evaluation.Denoising(
            stddev=0.4, published=0.0839, source="keras.io, validation split"
        ),
        evaluation.Denoising(stddev=0.5),
        evaluation.NoiseLevels(stddevs=(0.1, 0.2, 0.25, 0.3, 0.75, 1.0)),
    ),
    paper="Vincent et al. 2010, JMLR 11",
    license="Apache-2.0",
    limits="For white digits on black, 28×28 pixels, with the noisy image clipped to "
    "[0, 1].",
)
