"""Protocols of generative models: likelihood of the data, quality of samples."""

from __future__ import annotations

import dataclasses

import numpy as np

from ae_zoo._checks import check_count
from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import SEED, fit_pca
from ae_zoo.evaluation.protocol import Measurement, Protocol
from ae_zoo.evaluation.splits import Splits
from ae_zoo.models import Autoencoder


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood(Protocol):
    """Importance-sampled negative log-likelihood of binarized test images, in nats.

    Every pixel is drawn once from Bernoulli(x), with a fixed seed. The baseline models
    the pixels as independent, with the means of the training split. Active units are
    reported only if the prior is N(0, I): with a learned prior the scale of a unit, and
    so the threshold, means nothing.

    Attributes:
        samples: Importance samples; published figures use 5000.
    """

    samples: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.argument("samples"), self.samples)

    def rehearsal(self) -> Likelihood:
        return dataclasses.replace(self, samples=min(self.samples, 8))

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        _check_is_generative(self, model, "log_likelihood")
        train, test = splits.train.x, splits.test.x
        binary = (np.random.default_rng((SEED, 1)).random(test.shape) < test).astype(
            "float32"
        )
        nll = -model.log_likelihood(binary, samples=self.samples).mean()
        elbo = model.score(binary).mean()
        mean = np.clip(train.mean(axis=0), 1e-4, 1 - 1e-4)
        cross_entropy = measures.binary_cross_entropy(
            binary, np.broadcast_to(mean, binary.shape)
        )
        independent = test[0].size * cross_entropy
        name = "independent pixels"
        likelihoods = [
            self.headline(
                f"NLL ({self.samples} samples), nats",
                nll,
                baseline=independent,
                baseline_name=name,
            ),
            Measurement("negative ELBO, nats", elbo, independent, name),
        ]
        if model.spec().prior != "N(0, I)":
            return likelihoods
        active = Measurement(
            "active units",
            measures.active_units(model, binary),
            baseline=model.latent_dim,
            baseline_name="latent size",
            higher_is_better=True,
            tolerance=1,  # rounding may move one unit across the threshold
        )
        return [*likelihoods, active]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrechetDistance(Protocol):
    """Fréchet distance between samples of the model and the test images.

    As many samples are drawn as there are test images. The features are principal
    components of the training split instead of a network's, so the number cannot be
    compared with an FID, whose features are Inception's. The baseline is the distance
    of training images from the test images.

    Attributes:
        components: Number of principal components.
    """

    components: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.argument("components"), self.components)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        _check_is_generative(self, model, "sample")
        train, test = splits.train.x, splits.test.x
        fitted = fit_pca(train, self.components)
        rows = np.random.default_rng(SEED).permutation(len(train))[: len(test)]
        distances = [
            measures.frechet_distance(
                fitted.transform(measures.flat(np.asarray(images))),
                fitted.transform(measures.flat(test)),
            )
            for images in (model.sample(len(test), seed=SEED), train[rows])
        ]
        return [
            self.headline(
                f"Fréchet distance of {self.components} principal components",
                distances[0],
                baseline=distances[1],
                baseline_name="training images",
            )
        ]


def _check_is_generative(protocol: Protocol, model: Autoencoder, method: str) -> None:
    if not hasattr(model, method):
        raise ValueError(
            f"{type(protocol).__name__} needs a model with the method `{method}`, such "
            f"as a VariationalAutoencoder. Received: a {type(model).__name__}"
        )
