"""A linear autoencoder with 32 latent units on MNIST: PCA found by gradient descent.

Source: Baldi & Hornik 1989, "Neural networks and principal component analysis".
Command: ae-zoo train linear_mnist
Wall time: 22 s on 2 cores of AMD EPYC.
Expected: test squared error 13.1924; PCA, the optimum of this class: 13.1923.
"""

import keras

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 32


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [LATENT_DIM])
    decoder = networks.dense_decoder(LATENT_DIM, [], INPUT_SHAPE, output="linear")
    return UndercompleteAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", input_range=(0.0, 1.0)
    )


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Compress MNIST digits to 32 numbers with a linear map.",
    epochs=30,
    batch_size=256,
    optimizer=optimizer,
    metrics=(evaluation.SquaredError(),),
    paper="Baldi & Hornik 1989, Neural Networks 2(1)",
)
