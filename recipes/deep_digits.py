"""A deep autoencoder 64-128-64-8 with a tied decoder on scikit-learn's digits.

Source: Hinton & Salakhutdinov 2006.
Command: ae-zoo train deep_digits (no download)
Wall time: 27 s on 2 cores of AMD EPYC.
Expected: test squared error 1.074; PCA has 1.654.
"""

from ae_zoo import DeepAutoencoder, Recipe, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [128, 64, 8], "gelu")
    return DeepAutoencoder(encoder, "tied", reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Compresses 8×8 digits to 8 numbers with three layers in each direction, "
    "whose weights are tied.",
    epochs=150,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.SquaredError(),),
    paper="Hinton & Salakhutdinov 2006, Science 313(5786)",
    license="Apache-2.0",
)
