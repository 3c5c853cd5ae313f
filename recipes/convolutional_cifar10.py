"""A convolutional autoencoder with 128 latent units on CIFAR-10.

Source: Masci et al. 2011, "Stacked convolutional auto-encoders". Photographs are
randomly flipped. The learning rate starts low, so that no output saturates in the first
steps.
Command: ae-zoo train convolutional_cifar10
Wall time: 37 min on 1 core of AMD EPYC, shared with other work.
Expected: test squared error 13.85; PCA with as many components has 15.61.
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
    augment=data.random_flip(),
    task="Compresses photographs of 32×32 pixels to 128 numbers with convolutions.",
    epochs=30,
    batch_size=128,
    optimizer=optimizers.adam(1.5e-3, decay="cosine", warmup=True),
    dtype_policy="mixed_bfloat16",
    metrics=(evaluation.SquaredError(),),
    paper="Masci et al. 2011, ICANN",
    license="Apache-2.0",
    limits="For small photographs of animals and vehicles. Fine texture is lost.",
)
