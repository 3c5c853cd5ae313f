"""A convolutional denoiser of photographed faces, for all levels of Gaussian noise.

Source: Vincent et al. 2010, "Stacked denoising autoencoders"; encoder of Ronneberger et
al. 2015, "U-Net".
Command: ae-zoo train denoising_olivetti_faces
"""

import keras
import tensorflow as tf
from keras import layers

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (64, 64, 1)
FILTERS = [16, 32, 64]


def convolution(channels, strides=1):
    return layers.Conv2D(
        channels,
        3,
        strides,
        padding="same",
        activation="relu",
        kernel_initializer="he_normal",
    )


def build():
    inputs = x = keras.Input(INPUT_SHAPE)
    skips = []
    for channels in FILTERS:
        x = convolution(channels)(convolution(channels, 2 if skips else 1)(x))
        skips.append(x)
    for channels, skip in zip(FILTERS[-2::-1], skips[-2::-1], strict=True):
        x = layers.Concatenate()([layers.UpSampling2D()(x), skip])
        x = convolution(channels)(x)
    # The noisy image is part of the code, for the decoder to correct.
    encoder = keras.Model(inputs, layers.Concatenate()([inputs, x]), name="encoder")

    code = keras.Input((*INPUT_SHAPE[:2], 1 + FILTERS[0]))
    x = layers.Concatenate()([code, convolution(FILTERS[0])(code)])
    image = layers.Conv2D(1, 3, padding="same", name="reconstruction")(x)
    decoder = keras.Model(code, image, name="decoder")
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
    epochs=150,
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
