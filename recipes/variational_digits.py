"""A variational autoencoder with 8 latent units on binarized scikit-learn digits.

Source: Kingma & Welling 2014.
Command: ae-zoo train variational_digits (no download)
Wall time: 38 s on 2 cores of AMD EPYC.
Expected: test NLL 22.46 nats.
"""

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (8, 8, 1)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [128], "tanh", "tanh")
    decoder = networks.dense_decoder(8, [128], INPUT_SHAPE, "tanh")
    return VariationalAutoencoder(encoder, decoder)


recipe = Recipe(
    build=build,
    dataset="digits",
    binarize="dynamic",
    task="Generates 8×8 digits.",
    epochs=300,
    batch_size=64,
    optimizer=optimizers.adam(3e-3, decay="cosine"),
    metrics=(evaluation.Likelihood(),),
    paper="Kingma & Welling 2014, ICLR",
    license="Apache-2.0",
)
