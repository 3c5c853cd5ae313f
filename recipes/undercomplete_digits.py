"""An undercomplete autoencoder with 8 latent units on scikit-learn's digits.

Source: Bengio, Courville & Vincent 2013.
Command: ae-zoo train undercomplete_digits (no download)
Wall time: 24 s on 2 cores of AMD EPYC.
Expected: test squared error 0.9606; PCA has 1.654.
"""

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [128, 8], "gelu")
    decoder = networks.dense_decoder(8, [128], INPUT_SHAPE, "gelu")
    return UndercompleteAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Compresses 8×8 digits to 8 numbers.",
    epochs=150,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.SquaredError(),),
    paper="Bengio, Courville & Vincent 2013, IEEE TPAMI 35(8)",
    license="Apache-2.0",
)
