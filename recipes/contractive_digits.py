"""A contractive autoencoder with a two-layer encoder on scikit-learn's digits.

Source: Rifai et al. 2011. The Jacobian of both layers is exact.
Command: ae-zoo train contractive_digits (no download)
Wall time: 74 s on 2 cores of AMD EPYC.
Expected: test cross-entropy per pixel 0.2443.
"""

from ae_zoo import ContractiveAutoencoder, Recipe, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [64, 32], "tanh", "sigmoid")
    decoder = networks.dense_decoder(32, [64], INPUT_SHAPE, "tanh")
    return ContractiveAutoencoder(
        encoder, decoder, penalty_weight=0.1, jacobian="exact"
    )


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Encodes 8×8 digits as features that small changes hardly affect.",
    epochs=100,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.CrossEntropy(), evaluation.Contraction()),
    paper="Rifai et al. 2011, ICML",
    license="Apache-2.0",
)
