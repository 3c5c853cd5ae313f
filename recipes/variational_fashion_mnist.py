"""A variational autoencoder of dynamically binarized Fashion-MNIST, 40 latent units.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", with the
importance-weighted bound of Burda et al. 2016; two hidden layers of 300 units and 40
latent ones as in Tomczak & Welling 2018, "VAE with a VampPrior". Published number:
Norouzi et al. 2020, "Exemplar VAE", their plain VAE.
Command: ae-zoo train variational_fashion_mnist
Wall time: 28 min on 2 cores of AMD EPYC, shared with other work.
Expected: test NLL 230.37 nats with 5000 importance samples; the paper 228.70.
"""

import keras

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 40


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [300, 300], "gelu", "gelu")
    decoder = networks.dense_decoder(LATENT_DIM, [300, 300], INPUT_SHAPE, "gelu")
    return VariationalAutoencoder(encoder, decoder, importance_samples=5)


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="fashion_mnist",
    binarize="dynamic",
    task="Generate small images of clothes, and tell how likely an image is.",
    epochs=120,
    batch_size=128,
    optimizer=optimizer,
    metrics=(
        evaluation.Likelihood(published=228.7, source="Norouzi et al. 2020, VAE"),
    ),
    paper="Kingma & Welling 2014, ICLR",
    limits="The likelihood is one of binarized images: draw each pixel from "
    "Bernoulli(x) first.",
    jit_compile=True,
)
