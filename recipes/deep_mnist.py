"""The deep autoencoder 784-1000-500-250-30 and back, on MNIST.

Source: Hinton & Salakhutdinov 2006, "Reducing the dimensionality of data with neural
networks". Where the paper pretrains sigmoid layers as RBMs, GELU layers train from
scratch, on digits turned, sheared and scaled a little: as they are, the training images
reach 1.9 and those of the test stay at 3.2.
Command: ae-zoo train deep_mnist
Wall time: 89 min on 2 cores of AMD EPYC, shared with other work.
Expected: test squared error 2.111; the paper 3.00, PCA 13.87.
"""

from ae_zoo import DeepAutoencoder, Recipe, data, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 30


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [1000, 500, 250, LATENT_DIM], "gelu")
    decoder = networks.dense_decoder(LATENT_DIM, [250, 500, 1000], INPUT_SHAPE, "gelu")
    return DeepAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Compress MNIST digits to 30 numbers with four layers each way.",
    epochs=250,
    batch_size=250,
    optimizer=optimizers.adam(1e-3, decay="cosine", weight_decay=1e-3),
    augment=data.random_affine(),
    metrics=(
        evaluation.SquaredError(published=3.00, source="Hinton & Salakhutdinov 2006"),
    ),
    paper="Hinton & Salakhutdinov 2006, Science 313(5786)",
)
