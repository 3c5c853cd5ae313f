"""A convolutional autoencoder with 128 latent units on CIFAR-10.

Source: Masci et al. 2011, "Stacked convolutional auto-encoders". Photographs are
mirrored at random. The learning rate starts low, so that no output saturates in the
first steps.
Command: ae-zoo train convolutional_cifar10
Wall time: 37 min on 1 core of AMD EPYC, shared with other work.
Expected: test squared error 13.85; PCA of as many components 15.61.
"""

from ae_zoo import (
    ConvolutionalAutoencoder,
    Recipe,
    data,
    evaluation,
    networks,
    optimizers,
)

INPUT_SHAPE = (32, 32, 3)
FILTERS = [32, 128, 256]
LATENT_DIM = 128


def build():
    encoder = networks.convolutional_encoder(INPUT_SHAPE, FILTERS, LATENT_DIM)
    decoder = networks.convolutional_decoder(INPUT_SHAPE, FILTERS, LATENT_DIM)
    return ConvolutionalAutoencoder(encoder, decoder, reconstruction_loss="gaussian")


recipe = Recipe(
    build=build,
    dataset="cifar10",
    task="Compress photographs of 32×32 pixels to 128 numbers with convolutions.",
    epochs=30,
    batch_size=128,
    optimizer=optimizers.adam(1.5e-3, decay="cosine", warmup=True),
    augment=data.random_flip(),
    dtype_policy="mixed_bfloat16",
    metrics=(evaluation.SquaredError(),),
    paper="Masci et al. 2011, ICANN",
    limits="Made for small photographs of animals and vehicles; fine texture is lost.",
)
