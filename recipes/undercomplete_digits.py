"""An undercomplete autoencoder with 8 latent units on scikit-learn's digits.

Source: Bengio, Courville & Vincent 2013.
Command: ae-zoo train undercomplete_digits (no download; under a minute on two cores)
Expected: test squared error @SSE@ beside PCA's @PCA@.
"""

import keras

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, networks

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [128, 8], "gelu")
    decoder = networks.dense_decoder(8, [128], INPUT_SHAPE, "gelu")
    return UndercompleteAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps))


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Compress 8×8 digits to 8 numbers.",
    epochs=150,
    metrics=(evaluation.SquaredError(),),
    paper="Bengio, Courville & Vincent 2013, IEEE TPAMI 35(8)",
    batch_size=64,
    optimizer=optimizer,
)
