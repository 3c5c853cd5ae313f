"""The variational autoencoder 784-200-200-50 on dynamically binarized MNIST.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes". The network and the
published number are those of Burda et al. 2016, "Importance weighted autoencoders",
table 1 (VAE, k = 1), but with GELU instead of tanh. The steps of Muon have the same
length in all directions of a kernel; the two kernels next to the pixels are left to
Adam, because there a step of Muon costs most. The learning rate falls by a constant
factor in each epoch: at a high rate the loss soon stops improving.
Command: ae-zoo train variational_mnist
Wall time: 44 min on 1 core of AMD EPYC, shared with other work.
Expected: test NLL 85.95 nats with 5000 importance samples, negative ELBO 89.62, 24
active units; the paper has 86.76.
"""

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 50


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [200, 200], "gelu", "gelu")
    decoder = networks.dense_decoder(LATENT_DIM, [200, 200], INPUT_SHAPE, "gelu")
    return VariationalAutoencoder(encoder, decoder)


recipe = Recipe(
    build=build,
    dataset="mnist",
    binarize="dynamic",
    task="Generates handwritten digits and estimates the likelihood of an image.",
    epochs=600,
    batch_size=250,
    optimizer=optimizers.muon(
        3e-3,
        decay="exponential",
        alpha=1 / 60,
        exclude_layers=["from_input", "to_output"],
    ),
    metrics=(
        evaluation.Likelihood(published=86.76, source="Burda et al. 2016, VAE, k = 1"),
    ),
    paper="Kingma & Welling 2014, ICLR",
    license="Apache-2.0",
    limits="The likelihood is that of binarized images: draw each pixel from "
    "Bernoulli(x) first.",
)
