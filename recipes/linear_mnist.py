"""A linear autoencoder with 32 latent units on MNIST: PCA by gradient descent.

Source: Baldi & Hornik 1989, "Neural networks and principal component analysis".
Command: ae-zoo train linear_mnist
Wall time: 22 s on 2 cores of AMD EPYC.
Expected: test squared error 13.1924; PCA, the optimum of a linear model, has 13.1923.
"""

from ae_zoo import Recipe, UndercompleteAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 32


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [LATENT_DIM])
    decoder = networks.dense_decoder(LATENT_DIM, [], INPUT_SHAPE, output="linear")
    return UndercompleteAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", input_range=(0.0, 1.0)
    )


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Compresses MNIST digits to 32 numbers with a linear map.",
    epochs=30,
    batch_size=256,
    optimizer=optimizers.adam(2e-3, decay="cosine"),
    metrics=(evaluation.SquaredError(),),
    paper="Baldi & Hornik 1989, Neural Networks 2(1)",
    license="Apache-2.0",
)
