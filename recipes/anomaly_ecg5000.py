"""Anomaly detection on ECG5000, by a denoising autoencoder of normal heartbeats.

Source: Sakurada & Yairi 2014, "Anomaly detection using autoencoders with nonlinear
dimensionality reduction". The published number is that of the Seq2Seq example of
alibi-detect. The width, noise and quantile were chosen on the validation split.
Command: ae-zoo train anomaly_ecg5000
Wall time: 4 min on 2 cores of AMD EPYC, shared with other work.
Expected: test F1 0.971 ± 0.002 over three seeds, ROC-AUC 0.994 ± 0.002; alibi-detect
has 0.964. The threshold is the 99 % quantile of the scores of normal training samples,
at which PCA with two components has 0.934. At 97 %, PCA would have 0.972, but only
labels could tell to choose that quantile.
"""

from ae_zoo import DenoisingAutoencoder, Recipe, evaluation, networks, optimizers
from ae_zoo.corruptions import GaussianCorruption

INPUT_SHAPE = (140,)
LATENT_DIM = 2
NORMAL = (1,)


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [64, 32, LATENT_DIM], "gelu")
    decoder = networks.dense_decoder(
        LATENT_DIM, [32, 64], INPUT_SHAPE, "gelu", output="linear"
    )
    return DenoisingAutoencoder(
        encoder,
        decoder,
        corruption=GaussianCorruption(0.5, clip=None),
        reconstruction_loss="gaussian",
    )


recipe = Recipe(
    build=build,
    dataset="ecg5000",
    classes=NORMAL,
    task="Detects anomalous heartbeats, after training on normal heartbeats only.",
    epochs=200,
    batch_size=33,
    optimizer=optimizers.adam(2e-3, decay="cosine"),
    metrics=(
        evaluation.AnomalyDetection(
            normal=NORMAL, quantile=0.99, published=0.964, source="alibi-detect Seq2Seq"
        ),
    ),
    paper="Sakurada & Yairi 2014, MLSDA",
    license="Apache-2.0",
    limits="For single heartbeats of 140 values, each standardized to mean 0 and "
    "standard deviation 1. Choose the threshold on normal heartbeats of your own. Not "
    "for diagnosis.",
)
