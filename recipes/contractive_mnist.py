"""A contractive autoencoder on MNIST: 1000 sigmoid units, tied weights.

Source: Rifai et al. 2011, "Contractive auto-encoders", table 1.
Command: ae-zoo train contractive_mnist
Wall time: 3 min on 2 cores of AMD EPYC.
Expected: test binary cross-entropy per pixel 0.07165, Jacobian norm 9.141.
"""

import keras

from ae_zoo import ContractiveAutoencoder, Recipe, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
UNITS = 1000


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [UNITS], latent_activation="sigmoid")
    return ContractiveAutoencoder(encoder, "tied", penalty_weight=0.1)


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Describe MNIST digits by features that small changes of them do not move.",
    epochs=25,
    batch_size=128,
    optimizer=optimizer,
    metrics=(evaluation.CrossEntropy(), evaluation.Contraction()),
    paper="Rifai et al. 2011, ICML",
)
