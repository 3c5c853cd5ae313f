"""The variational autoencoder 784-200-200-50 on dynamically binarized MNIST.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes"; network and published
number of Burda et al. 2016, "Importance weighted autoencoders", table 1 (VAE, k = 1).
Muon makes steps of equal length in all directions of a kernel, and its learning rate
falls by a constant factor in each epoch: at a high one the loss soon levels off.
Command: ae-zoo train variational_mnist
Wall time: 32 min on 1 core of Intel Xeon.
Expected: test NLL 86.97 nats with 5000 importance samples, negative ELBO 90.58, 20
active units; the paper 86.76.
"""

import keras

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 50


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [200, 200], "tanh", "tanh")
    decoder = networks.dense_decoder(LATENT_DIM, [200, 200], INPUT_SHAPE, "tanh")
    return VariationalAutoencoder(encoder, decoder)


def optimizer(steps):
    schedule = keras.optimizers.schedules.ExponentialDecay(4e-3, steps, 1 / 40)
    return optimizers.muon(schedule)


recipe = Recipe(
    build=build,
    dataset="mnist",
    binarize="dynamic",
    task="Generate handwritten digits, and tell how likely an image is.",
    epochs=300,
    batch_size=250,
    optimizer=optimizer,
    metrics=(
        evaluation.Likelihood(published=86.76, source="Burda et al. 2016, VAE, k = 1"),
    ),
    paper="Kingma & Welling 2014, ICLR",
    limits="The likelihood is one of binarized images: draw each pixel from "
    "Bernoulli(x) first.",
)
