"""A variational autoencoder with 40 latent units on binarized Fashion-MNIST.

Source: Kingma & Welling 2014, "Auto-encoding variational Bayes", trained on the
importance-weighted bound of Burda et al. 2016 with k = 10. The two hidden layers have
500 units; those of Tomczak & Welling 2018, "VAE with a VampPrior", have 300 gated
units. The published number is that of the plain VAE in Norouzi et al. 2020, "Exemplar
VAE". The two kernels next to the pixels are left to Adam, because there a step of Muon
costs most.
Command: ae-zoo train variational_fashion_mnist
Wall time: 112 min on 1 core of AMD EPYC, shared with other work.
Expected: test NLL 228.38 nats with 5000 importance samples, negative ELBO 236.29, 18
active units; the paper has 228.70.
"""

from ae_zoo import Recipe, VariationalAutoencoder, evaluation, networks, optimizers

INPUT_SHAPE = (28, 28, 1)
LATENT_DIM = 40


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [500, 500], "gelu", "gelu")
    decoder = networks.dense_decoder(LATENT_DIM, [500, 500], INPUT_SHAPE, "gelu")
    return VariationalAutoencoder(encoder, decoder, importance_samples=10)


recipe = Recipe(
    build=build,
    dataset="fashion_mnist",
    binarize="dynamic",
    task="Generates small images of clothes and estimates the likelihood of an image.",
    epochs=130,
    batch_size=250,
    optimizer=optimizers.muon(
        3e-3,
        decay="exponential",
        alpha=1 / 40,
        exclude_layers=["from_input", "to_output"],
    ),
    dtype_policy="mixed_bfloat16",
    metrics=(
        evaluation.Likelihood(published=228.7, source="Norouzi et al. 2020, VAE"),
    ),
    paper="Kingma & Welling 2014, ICLR; Burda et al. 2016, ICLR",
    license="Apache-2.0",
    limits="The model was trained on the importance-weighted bound with 10 samples, "
    "the published one on the ELBO; `fit` decodes each image 10 times. The likelihood "
    "is that of binarized images: draw each pixel from Bernoulli(x) first.",
)
