"""A k-sparse autoencoder on MNIST: 1000 tied linear units, the 25 largest kept.

Source: Makhzani & Frey 2013, "k-Sparse autoencoders", section 4; at test time 75 units
are kept, as the paper advises (α = 3), and k falls from 100 in the first half of the
training. Beyond the paper, kernels begin small, so that what is left of their noise
does not disturb the codes; a share of the inputs is dropped, which spreads the work
over more units (and makes the result depend on the number of replicas); and dead units
are revived.
Command: ae-zoo train sparse_mnist
Wall time: 8 min on 2 cores of AMD EPYC, shared with other work.
Expected: 75 active units per sample, dead units 0.9 %, test squared error 6.992,
linear-probe error 1.95 %; the paper 1.35 %, raw inputs 7.36 %.
"""

import keras

from ae_zoo import Recipe, SparseAutoencoder, callbacks, data, evaluation

INPUT_SHAPE = (28, 28, 1)
UNITS = 1000
EPOCHS = 40


def build():
    inputs = keras.Input(INPUT_SHAPE)
    x = keras.layers.Flatten()(inputs)
    x = keras.layers.Dropout(0.3)(x)
    small = keras.initializers.RandomNormal(stddev=0.01)
    code = keras.layers.Dense(UNITS, kernel_initializer=small)(x)
    return SparseAutoencoder(
        keras.Model(inputs, code, name="encoder"),
        "tied",
        sparsity="k",
        k=25,
        k_inference=75,
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


def some_digits():
    return data.arrays("mnist", "train")[:5000]


def training_callbacks():
    return [
        callbacks.Anneal("k", start=100, epochs=EPOCHS // 2),
        callbacks.ReviveUnits(some_digits, epochs=EPOCHS - 10),
    ]


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Describe MNIST digits by a few of 1000 learned strokes.",
    epochs=EPOCHS,
    batch_size=128,
    optimizer=optimizer,
    callbacks=training_callbacks,
    metrics=(
        evaluation.SquaredError(),
        evaluation.Sparsity(),
        evaluation.LinearProbe(
            inverse_regularizations=(0.01, 0.03, 0.1),
            iterations=150,
            published=1.35,
            source="Makhzani & Frey 2013",
        ),
    ),
    paper="Makhzani & Frey 2013, arXiv:1312.5663",
)
