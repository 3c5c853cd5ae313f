"""Protocols of generative models: likelihood of data, likeness of samples."""

import dataclasses

import numpy as np

from ae_zoo.evaluation import measures
from ae_zoo.evaluation.baselines import SEED, fit_pca
from ae_zoo.evaluation.protocol import Measurement, Protocol


@dataclasses.dataclass(frozen=True, kw_only=True)
class Likelihood(Protocol):
    """Importance-sampled negative log-likelihood on binarized test images, in nats.

    Each pixel is drawn from Bernoulli(x) once, by a fixed seed; the baseline models
    pixels as independent with the means of the training split. Active units are counted
    under the prior N(0, I) alone.

    Attributes:
        samples: Importance samples; published figures use 5000.
    """

    samples: int = 5000

    def __call__(self, model, splits):
        train, test = splits.train.x, splits.test.x
        binary = (np.random.default_rng((SEED, 1)).random(test.shape) < test).astype(
            "float32"
        )
        nll = -model.log_likelihood(binary, samples=self.samples).numpy().mean()
        elbo = model.score(binary).numpy().mean()
        mean = np.clip(train.mean(axis=0), 1e-4, 1 - 1e-4)
        independent = test[0].size * measures.binary_cross_entropy(
            binary, np.broadcast_to(mean, binary.shape)
        )
        independent = {"baseline": independent, "baseline_name": "independent pixels"}
        likelihoods = [
            self.headline(f"NLL ({self.samples} samples), nats", nll, **independent),
            Measurement("negative ELBO, nats", elbo, **independent),
        ]
        if model.spec().prior != "N(0, I)":
            return likelihoods  # a learned prior leaves the scale of units open
        active = Measurement(
            "active units",
            measures.active_units(model, binary),
            baseline=model.latent_dim,
            baseline_name="latent size",
            higher_is_better=True,
            tolerance=1,  # a unit at the threshold may fall on either side
        )
        return [*likelihoods, active]


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrechetDistance(Protocol):
    """Fréchet distance of as many samples from the model as there are test images.

    The features are principal components of the training split, so that the number
    needs no network of others; it is not comparable with an FID, whose features are
    Inception's. The baseline is what real images reach: training images in place of
    samples.

    Attributes:
        components: How many principal components.
    """

    components: int = 50

    def __call__(self, model, splits):
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
