"""A nonlinear undercomplete autoencoder with 32 latent units on MNIST.

Source: Bengio, Courville & Vincent 2013, "Representation learning", section 7.
Command: ae-zoo train undercomplete_mnist
Wall time: 10 min on 2 cores of AMD EPYC.
Expected: test squared error 3.179; PCA with as many components has 13.19.
"""

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 32


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [1024, LATENT_DIM], "gelu")
    decoder = networks.dense_decoder(LATENT_DIM, [1024], INPUT_SHAPE, "gelu")
    return UndercompleteAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Compresses MNIST digits to 32 numbers.",
    epochs=60,
    batch_size=256,
    optimizer=optimizers.adam(1e-3, decay="cosine", weight_decay=1e-3),
    metrics=(evaluation.SquaredError(),),
    paper="Bengio, Courville & Vincent 2013, IEEE TPAMI 35(8)",
    license="Apache-2.0",
)
