"""A variational autoencoder of the expressions of one face, with 20 latent units.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", section 5. In addition
to the hidden layer, a linear map leads from image to code and back, so that training
starts from what PCA can do. β = 0.002 is about the variance of a pixel around its
reconstruction.
Command: ae-zoo train variational_frey_faces
Wall time: 8 min on 2 cores of AMD EPYC, at low priority and shared with other work.
Expected: squared error on the last frames, unseen in training, 2.362 (2.38 ± 0.02 over
three seeds); PCA with 20 components has 2.570.
"""

import keras
import tensorflow as tf
from keras import layers

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, optimizers

INPUT_SHAPE = (28, 20, 1)
LATENT_DIM = 20
UNITS = 256


def hidden(x):
    return layers.Dense(UNITS, "gelu", kernel_initializer="he_normal")(x)


def build():
    image = keras.Input(INPUT_SHAPE)
    pixels = layers.Flatten()(image)
    features = layers.Concatenate()([pixels, hidden(pixels)])
    encoder = keras.Model(image, features, name="encoder")

    code = keras.Input((LATENT_DIM,))
    size = INPUT_SHAPE[0] * INPUT_SHAPE[1]
    curved = layers.Dense(size, kernel_initializer="zeros")(hidden(code))
    x = layers.Add()([layers.Dense(size)(code), curved])
    x = layers.Activation("sigmoid")(layers.Reshape(INPUT_SHAPE)(x))
    decoder = keras.Model(code, x, name="decoder")
    return VariationalAutoencoder(
        encoder, decoder, beta=0.002, reconstruction_loss="gaussian"
    )


def augment(images, seed):
    """Changes brightness and contrast at random."""
    gain, offset = tf.unstack(
        tf.random.stateless_normal((2, tf.shape(images)[0], 1, 1, 1), seed)
    )
    return tf.clip_by_value(tf.exp(0.08 * gain) * images + 0.03 * offset, 0, 1)


def optimizer(steps):
    adam = optimizers.adam(2e-3, decay="cosine", weight_decay=0.03)(steps)
    # With decayed biases the code would have to encode the mean face, far from the
    # prior.
    adam.exclude_from_weight_decay(var_names=["bias"])
    return adam


recipe = Recipe(
    build=build,
    dataset="frey_faces",
    augment=augment,
    task="Compresses the expressions of one face to 20 numbers and interpolates "
    "between them.",
    epochs=200,
    batch_size=100,
    optimizer=optimizer,
    metrics=(
        evaluation.SquaredError(),
        evaluation.ImageQuality(),
        evaluation.FrechetDistance(components=20),
    ),
    paper="Kingma & Welling 2014, ICLR",
    license="Apache-2.0",
    limits="Knows only the face of one person, filmed once. Interpolate between codes "
    "of real frames: β is so small that samples from the prior often do not look like "
    "faces.",
)
