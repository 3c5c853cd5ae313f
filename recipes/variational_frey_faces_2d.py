"""The expressions of one face on a plane: two latent units, on Frey faces.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", section 5, appendix C
and figure 4. With the paper's tanh the whole plane decodes to faces; in that of a
network of GELU units there are holes. β = 0.03 is a few times the variance of a pixel
about its reconstruction.
Command: ae-zoo train variational_frey_faces_2d
Wall time: 3 min on 2 cores of AMD EPYC, shared with other work.
Expected: squared error of the last frames, unseen, 5.191; PCA of 2 components 6.133.
"""

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 20, 1)
LATENT_DIM = 2


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [256, 128], "tanh", "tanh")
    decoder = networks.dense_decoder(LATENT_DIM, [128, 256], INPUT_SHAPE, "tanh")
    return VariationalAutoencoder(
        encoder, decoder, beta=0.03, reconstruction_loss="gaussian"
    )


recipe = Recipe(
    build=build,
    dataset="frey_faces",
    task="Lay out the expressions of one face on a plane, and draw any of them.",
    epochs=600,
    batch_size=100,
    optimizer=optimizers.adam(1e-3, decay="cosine"),
    metrics=(
        evaluation.SquaredError(),
        evaluation.ImageQuality(),
        evaluation.FrechetDistance(components=20),
    ),
    paper="Kingma & Welling 2014, ICLR",
    limits="Knows the face of one person, filmed once.",
    jit_compile=True,
)
