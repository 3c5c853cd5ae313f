"""A convolutional autoencoder with 8 latent units on scikit-learn's digits.

Source: Masci et al. 2011.
Command: ae-zoo train convolutional_digits (no download)
Wall time: 41 s on 2 cores of AMD EPYC.
Expected: test squared error 1.033; PCA has 1.654.
"""

from ae_zoo import ConvolutionalAutoencoder, Recipe, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.convolutional_encoder(INPUT_SHAPE, [16, 32], latent_dim=8)
    decoder = networks.convolutional_decoder(INPUT_SHAPE, [16, 32], latent_dim=8)
    return ConvolutionalAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Compresses 8×8 digits to 8 numbers with convolutions.",
    epochs=150,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.SquaredError(),),
    paper="Masci et al. 2011, ICANN",
    license="Apache-2.0",
)
