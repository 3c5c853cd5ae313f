"""A convolutional denoiser of photographed faces, for all levels of Gaussian noise.

Source: Vincent et al. 2010, "Stacked denoising autoencoders"; the encoder's skip
connections are those of Ronneberger et al. 2015, "U-Net".
Command: ae-zoo train denoising_olivetti_faces
"""

import keras
import tensorflow as tf
from keras import layers

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (64, 64, 1)
UNITS = 256
FILTERS = [32, 64]


def convolution(channels, strides=1, kernel_size=3):
    return layers.Conv2D(
        channels,
        kernel_size,
        strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
    )


def coarse_face(image):
    """A face at half the size, from all of the image: where noise drowns the rest."""
    x = layers.Flatten()(layers.AveragePooling2D(2)(image))
    x = layers.Dense(UNITS, "gelu", kernel_initializer="he_normal")(x)
    return layers.Reshape((32, 32, 1))(layers.Dense(32 * 32)(x))


def build():
    image = keras.Input(INPUT_SHAPE)
    coarse = coarse_face(image)
    x = layers.Concatenate()([coarse, convolution(FILTERS[0], 2, 5)(image)])
    fine = convolution(FILTERS[0])(x)
    x = convolution(FILTERS[1])(convolution(FILTERS[1], 2)(fine))
    x = layers.Concatenate()([layers.UpSampling2D()(x), fine, coarse])
    x = convolution(FILTERS[0])(convolution(FILTERS[0])(x))
    x = layers.Conv2DTranspose(16, 4, 2, padding="same", activation="relu")(x)
    # The noisy image is part of the code, for the decoder to correct.
    code = [image, layers.UpSampling2D(interpolation="bilinear")(coarse), x]
    encoder = keras.Model(image, layers.Concatenate()(code), name="encoder")

    code = keras.Input(encoder.output_shape[1:])
    x = layers.Concatenate()([code, convolution(16)(code)])
    output = layers.Conv2D(1, 3, padding="same", name="reconstruction")(x)
    decoder = keras.Model(code, output, name="decoder")
    return DenoisingAutoencoder(
        encoder,
        decoder,
        corruption=GaussianCorruption(stddev=(0.0, 0.6)),
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


def augment(images):
    """Mirrored, brighter or darker, of more or less contrast."""
    images = tf.image.random_flip_left_right(images)
    shape = (tf.shape(images)[0], 1, 1, 1)
    gain = tf.random.uniform(shape, 0.7, 1.3)
    shift = tf.random.uniform(shape, -0.15, 0.15)
    return tf.clip_by_value(gain * (images - 0.5) + 0.5 + shift, 0, 1)


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps))


BASELINES = ("linear denoiser", "non-local means")

recipe = Recipe(
    build=build,
    dataset="olivetti_faces",
    augment=augment,
    task="Remove Gaussian noise of any strength from photographs of faces.",
    epochs=100,
    batch_size=15,
    optimizer=optimizer,
    metrics=tuple(
        evaluation.Denoising(stddev=stddev, headline_metric="psnr", baselines=BASELINES)
        for stddev in (0.25, 0.1, 0.5)
    ),
    paper="Vincent et al. 2010, JMLR 11",
    limits="Made for grey frontal faces of 64×64 pixels, with noise clipped to [0, 1]; "
    "the people it was measured on are others than those it was trained on.",
)
