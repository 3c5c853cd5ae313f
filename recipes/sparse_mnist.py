"""A k-sparse autoencoder on MNIST: 1000 tied linear units, the 25 largest kept.

Source: Makhzani & Frey 2013, "k-Sparse autoencoders", section 4; at test time 75 units
are kept, as the paper advises (α = 3), and k falls from 100 in the first half of the
training.
Command: ae-zoo train sparse_mnist
Wall time: 5 min on 2 cores of AMD EPYC.
Expected: 75 active units per sample, dead units 6.1 %, test squared error 5.391.
"""

import keras

from ae_zoo import Recipe, SparseAutoencoder, callbacks, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
UNITS = 1000
EPOCHS = 40


def build():
    return SparseAutoencoder(
        networks.dense_encoder(INPUT_SHAPE, [UNITS]),
        "tied",
        sparsity="k",
        k=25,
        k_inference=75,
        reconstruction_loss="gaussian",
        input_range=(0.0, 1.0),
    )


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Describe MNIST digits by a few of 1000 learned strokes.",
    epochs=EPOCHS,
    batch_size=128,
    optimizer=optimizer,
    callbacks=lambda: [callbacks.Anneal("k", start=100, epochs=EPOCHS // 2)],
    metrics=(evaluation.SquaredError(), evaluation.Sparsity()),
    paper="Makhzani & Frey 2013, arXiv:1312.5663",
)
