"""A convolutional autoencoder that colours grey photographs, on CIFAR-10.

Source: the convolutional autoencoder of Masci et al. 2011, trained on pairs as in
Zhang, Isola & Efros 2016, "Colorful image colorization", but by squared error: unsure
of a colour it paints a muted one.
Command: ae-zoo train colorizing_cifar10
Expected: test MAE @COLMAE@ and PSNR @COLPSNR@ dB; copying the grey image gives
@GREYMAE@ and @GREYPSNR@.
"""

import keras
import tensorflow as tf

from ae_zoo import ConvolutionalAutoencoder, Recipe, evaluation, networks

SIZE = (32, 32)
FILTERS = [64]


def build():
    # One halving: the code keeps what the image looks like and makes room for colour.
    encoder = networks.convolutional_encoder((*SIZE, 1), FILTERS, kernel_size=5)
    decoder = networks.convolutional_decoder(
        (*SIZE, 3), FILTERS, kernel_size=5, output="linear"
    )
    return ConvolutionalAutoencoder(
        encoder, decoder, reconstruction_loss="gaussian", input_range=(0.0, 1.0)
    )


def grey_to_colour(images):
    return tf.image.rgb_to_grayscale(images), images


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="cifar10",
    pair=grey_to_colour,
    task="Colour grey photographs of 32×32 pixels.",
    epochs=8,
    batch_size=128,
    optimizer=optimizer,
    metrics=(evaluation.Colorizing(),),
    paper="Masci et al. 2011, ICANN",
    limits="Made for small photographs of animals and vehicles; colours are muted.",
)
