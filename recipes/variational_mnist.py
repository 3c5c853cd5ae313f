"""The variational autoencoder 784-200-200-50 on dynamically binarized MNIST.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes"; network and published
number of Burda et al. 2016, "Importance weighted autoencoders", table 1 (VAE, k = 1).
Command: ae-zoo train variational_mnist
Wall time: 15 min on 2 cores of AMD EPYC.
Expected: test NLL 89.65 nats with 5000 importance samples; the paper 86.76.
"""

import keras

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 50


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [200, 200], "tanh", "tanh")
    decoder = networks.dense_decoder(LATENT_DIM, [200, 200], INPUT_SHAPE, "tanh")
    return VariationalAutoencoder(encoder, decoder)


def optimizer(steps):
    return keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(1e-3, steps))


recipe = Recipe(
    build=build,
    dataset="mnist",
    binarize="dynamic",
    task="Generate handwritten digits, and tell how likely an image is.",
    epochs=200,
    batch_size=100,
    optimizer=optimizer,
    metrics=(
        evaluation.Likelihood(published=86.76, source="Burda et al. 2016, VAE, k = 1"),
    ),
    paper="Kingma & Welling 2014, ICLR",
    limits="The likelihood is one of binarized images: draw each pixel from "
    "Bernoulli(x) first.",
    jit_compile=True,
)
