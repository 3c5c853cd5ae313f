"""A contractive autoencoder with 1000 sigmoid units and tied weights on MNIST.

Source: Rifai et al. 2011, "Contractive auto-encoders", table 1.
Command: ae-zoo train contractive_mnist
Wall time: 3 min on 2 cores of AMD EPYC. The evaluation takes another 15 min on cores
shared with other work, because it trains a twin without the penalty and two
classifiers.
Expected: test binary cross-entropy per pixel 0.07165; Jacobian norm 9.141, of the twin
19.96; saturated units 46.7 %, of the twin 10.9 %. The fine-tuned classifier has an
error of 1.08 % (1.11 ± 0.04 over three seeds) with randomly rotated, sheared and scaled
digits; trained from scratch in the same way it has 1.26 %. The paper has 1.14 % without
augmentation.
"""

from ae_zoo import (
    ContractiveAutoencoder,
    Recipe,
    data,
    evaluation,
    networks,
    optimizers,
)

INPUT_SHAPE = (28, 28, 1)
UNITS = 1000
EPOCHS = 25
BATCH_SIZE = 128


def build():
    encoder = networks.dense_encoder(INPUT_SHAPE, [UNITS], latent_activation="sigmoid")
    return ContractiveAutoencoder(encoder, "tied", penalty_weight=0.1)


recipe = Recipe(
    build=build,
    dataset="mnist",
    task="Encodes MNIST digits as features that small changes hardly affect.",
    epochs=EPOCHS,
    batch_size=BATCH_SIZE,
    optimizer=optimizers.adam(1e-3, decay="cosine"),
    metrics=(
        evaluation.CrossEntropy(),
        evaluation.FineTuning(
            epochs=20,
            learning_rate=3e-3,
            patience=20,
            augment=data.random_affine(),
            published=1.14,
            source="Rifai et al. 2011, without augmentation",
        ),
        evaluation.Contraction(twin_epochs=EPOCHS, batch_size=BATCH_SIZE),
    ),
    paper="Rifai et al. 2011, ICML",
    license="Apache-2.0",
)
