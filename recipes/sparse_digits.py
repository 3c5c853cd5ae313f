"""A sparse autoencoder with 128 sigmoid units, whose target activation is 5 %.

Source: Ng 2011, "Sparse autoencoder". The data are scikit-learn's digits.
Command: ae-zoo train sparse_digits (no download)
Wall time: 49 s on 2 cores of AMD EPYC.
Expected: test squared error 0.5293; 29 units per sample above 0.1; dead units 0 %.
"""

from ae_zoo import Recipe, SparseAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [128], latent_activation="sigmoid")
    decoder = networks.dense_decoder(128, [], INPUT_SHAPE)
    return SparseAutoencoder(
        encoder, decoder, sparsity="kl", penalty_weight=0.3, rho=0.05
    )


recipe = Recipe(
    build=build,
    dataset="digits",
    task="Encodes 8×8 digits with a few of 128 features.",
    epochs=150,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.SquaredError(), evaluation.Sparsity(threshold=0.1)),
    paper="Ng 2011, CS294A lecture notes",
    license="Apache-2.0",
)
