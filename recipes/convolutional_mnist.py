"""A convolutional autoencoder with 32 latent units on MNIST.

Source: Masci et al. 2011, "Stacked convolutional auto-encoders".
Command: ae-zoo train convolutional_mnist
Expected: test squared error @CONV@; PCA with as many components: 13.19.
"""

import keras

from ae_zoo import ConvolutionalAutoencoder, Recipe, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
FILTERS = [32, 64]
LATENT_DIM = 32


def build():
    encoder = networks.convolutional_encoder(INPUT_SHAPE, FILTERS, LATENT_DIM, 5)
    decoder = networks.convolutional_decoder(INPUT_SHAPE, FILTERS, LATENT_DIM, 5)
    # The Bernoulli loss: under the squared error the output bias, shared by all pixels,
    # saturates the sigmoid at black in the first steps and never comes back.
    return ConvolutionalAutoencoder(encoder, decoder)


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Compress MNIST digits to 32 numbers with convolutions.",
    epochs=12,
    batch_size=128,
    optimizer=optimizer,
    metrics=(evaluation.SquaredError(),),
    paper="Masci et al. 2011, ICANN",
)
