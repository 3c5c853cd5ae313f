"""A variational autoencoder of dynamically binarized Fashion-MNIST, 40 latent units.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", trained by the
importance-weighted bound of Burda et al. 2016 with k = 10; two hidden layers of 300
units as in Tomczak & Welling 2018, "VAE with a VampPrior", with GELU for their gates.
Published number: Norouzi et al. 2020, "Exemplar VAE", their plain VAE.
The two kernels next to the pixels, for which a step of Muon costs most, are left to
Adam.
Command: ae-zoo train variational_fashion_mnist
Wall time: 37 min on 1 core of AMD EPYC, shared with other work.
Expected: test NLL 229.97 nats with 5000 importance samples, negative ELBO 236.33, 16
active units; the paper 228.70.
"""

import keras
from keras import layers

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 40


def dense(units, name=None):
    return layers.Dense(
        units, activation="gelu", kernel_initializer="he_normal", name=name
    )


def build():
    image = keras.Input(INPUT_SHAPE)
    x = dense(300, "from_pixels")(layers.Flatten()(image))
    encoder = keras.Model(image, dense(300)(x), name="encoder")
    latent = keras.Input((LATENT_DIM,))
    x = dense(300)(dense(300)(latent))
    x = layers.Reshape(INPUT_SHAPE)(layers.Dense(784, name="to_pixels")(x))
    x = layers.Activation("sigmoid", dtype="float32")(x)
    decoder = keras.Model(latent, x, name="decoder")
    return VariationalAutoencoder(encoder, decoder, importance_samples=10)


def optimizer(steps):
    schedule = keras.optimizers.schedules.ExponentialDecay(3e-3, steps, 1 / 40)
    return optimizers.muon(schedule, exclude_layers=["pixels"])


recipe = Recipe(
    build=build,
    dataset="fashion_mnist",
    binarize="dynamic",
    task="Generate small images of clothes, and tell how likely an image is.",
    epochs=90,
    batch_size=250,
    optimizer=optimizer,
    dtype_policy="mixed_bfloat16",
    metrics=(
        evaluation.Likelihood(published=228.7, source="Norouzi et al. 2020, VAE"),
    ),
    paper="Kingma & Welling 2014, ICLR; Burda et al. 2016, ICLR",
    limits="Trained by the importance-weighted bound of 10 draws, where the published "
    "number is of a model trained by the ELBO; `fit` decodes each image 10 times. The "
    "likelihood is one of binarized images: draw each pixel from Bernoulli(x) first.",
)
