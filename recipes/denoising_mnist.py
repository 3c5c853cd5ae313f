"""A convolutional denoiser for MNIST, one model for all levels of Gaussian noise.

Source: Vincent et al. 2010, "Stacked denoising autoencoders", with the network of
Ronneberger et al. 2015, "U-Net"; protocol and published number of keras.io,
"Convolutional autoencoder for image denoising".
Command: ae-zoo train denoising_mnist
Wall time: 28 min on 2 cores of AMD EPYC, shared with other work.
Expected: test binary cross-entropy per pixel 0.0814 at noise 0.4 (keras.io: 0.0839);
PSNR 20.39 dB at noise 0.5 (the best linear denoiser: 17.62).
"""

import keras

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation, networks
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (28, 28, 1)


def build():
    encoder = networks.u_net_encoder(INPUT_SHAPE, [16, 32, 64])
    decoder = networks.pixel_decoder(encoder.output_shape[1:], 1)
    return DenoisingAutoencoder(
        encoder, decoder, corruption=GaussianCorruption(stddev=(0.0, 1.0))
    )


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Remove Gaussian noise of any strength from images of handwritten digits.",
    epochs=20,
    batch_size=128,
    optimizer=optimizer,
    metrics=(
        evaluation.Denoising(
            stddev=0.4, published=0.0839, source="keras.io, validation split"
        ),
        evaluation.Denoising(stddev=0.5),
    ),
    paper="Vincent et al. 2010, JMLR 11",
    limits="Made for white digits on black, 28×28, with noise clipped to [0, 1].",
)
