"""A convolutional autoencoder with 32 latent units on MNIST.

Source: Masci et al. 2011, "Stacked convolutional auto-encoders". Half of the digits are
randomly rotated, sheared and scaled. The learning rate starts low: at the full rate,
the output bias, which all pixels share, saturates the sigmoid at black in the first
steps and does not recover.
Command: ae-zoo train convolutional_mnist
Wall time: 24 min on 2 cores of AMD EPYC.
Expected: test squared error 2.286; undercomplete_mnist has 3.179, PCA 13.19.
"""

from ae_zoo import (
    ConvolutionalAutoencoder,
    Recipe,
    data,
    evaluation,
    networks,
    optimizers,
)

INPUT_SHAPE = (28, 28, 1)
FILTERS = [32, 64, 128]
LATENT_DIM = 32


def build():
    encoder = networks.convolutional_encoder(
        INPUT_SHAPE, FILTERS, LATENT_DIM, activation="gelu"
    )
    decoder = networks.convolutional_decoder(
        INPUT_SHAPE, FILTERS, LATENT_DIM, activation="gelu"
    )
    return ConvolutionalAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="mnist",
    augment=data.random_affine(share=0.5),
    task="Compresses MNIST digits to 32 numbers with convolutions.",
    epochs=25,
    batch_size=128,
    optimizer=optimizers.adam(2e-3, decay="cosine", warmup=True),
    metrics=(evaluation.SquaredError(),),
    paper="Masci et al. 2011, ICANN",
    license="Apache-2.0",
)
