"""The variational autoencoder: a posterior q(z|x), regularized toward a prior."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from ae_zoo import penalties
from ae_zoo._batches import slices
from ae_zoo._checks import (
    check_array,
    check_count,
    check_draw_seed,
    check_integer,
    check_number,
    to_array,
)
from ae_zoo.models import gaussian, importance
from ae_zoo.models.arguments import check_fixed_sizes
from ae_zoo.models.autoencoder import Autoencoder
from ae_zoo.models.endpoints import Endpoint, is_symbolic, tensor_specs
from ae_zoo.models.objective import (
    Annealable,
    Batch,
    Draw,
    Draws,
    ModelSpec,
    Parts,
    Tensor,
    Terms,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ae_zoo.models.arguments import SharedArguments


@keras.saving.register_keras_serializable("ae_zoo")
class VariationalAutoencoder(Autoencoder):
    """Minimizes −log p(x|z) + β KL(q(z|x) ‖ p(z)), with z drawn from q(z|x).

    Kingma & Welling 2014.

    Two dense heads on the encoder give the mean and log-variance of q, so any encoder
    fits any decoder. `encode` and `predict` use the mean of q. `score` is the negative
    ELBO at β = 1, from one draw of z.

    With `importance_samples` k > 1 the loss is the tighter bound
    −log (1/k) Σᵢ p(x|zᵢ) (p(zᵢ)/q(zᵢ|x))^β (Burda et al. 2016, equation 8 at β = 1),
    which is less than the sum of the logged `reconstruction` and β `kl`. Its gradient
    is doubly reparameterized (Tucker et al. 2019): the decoder must process each sample
    independently, without batch normalization and without adding losses.

    p(z) is N(0, I), or a density that is trained together with the model: the best
    prior is the mean of q over all data (Tomczak & Welling 2018, equation 8). The KL to
    a learned prior has no closed form and is estimated from the draws of each step.

    Args:
        encoder: See `Autoencoder`; it may have any output size.
        decoder: From (batch, d); d is its input size.
        beta: β ≥ 0, the weight of the KL (Higgins et al. 2017). The metric `kl` shows
            the KL without it.
        importance_samples: k, the number of times a step decodes each sample.
        prior: p(z): None for N(0, I), or a layer such as `ae_zoo.layers.RealNVP`, with
            the methods `log_prob`, codes (batch, ...) to (batch,) in float32, and
            `from_normal`, draws of N(0, I) to codes of the same shape.
        **kwargs: `reconstruction_loss`, `seed`, `input_range`, `scaling`, `name`,
            `dtype`; see `Autoencoder`.

    Raises:
        TypeError: The prior is not such a layer.
        ValueError: β < 0; k is not a positive integer; the prior was built for codes of
            another shape; or the decoder is tied, which leaves no place for the heads.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [200, 200], "tanh", "tanh")
    >>> decoder = ae_zoo.networks.dense_decoder(50, [200, 200], (784,), "tanh")
    >>> model = ae_zoo.VariationalAutoencoder(encoder, decoder, beta=1.0)
    >>> model.sample(16, seed=1).shape
    (16, 784)
    """

    penalty_name = "kl"
    penalty_weight_argument = "beta"
    fixed_arguments = (*Autoencoder.fixed_arguments, "prior")
    score_includes_penalty = True  # the ELBO does

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        *,
        beta: float = 1.0,
        importance_samples: int = 1,
        prior: keras.layers.Layer | None = None,
        **kwargs: Unpack[SharedArguments],
    ) -> None:
        if isinstance(decoder, str) and decoder == "tied":
            raise ValueError(
                "A variational autoencoder puts two heads between encoder and decoder, "
                "so decoder='tied' has no meaning here. Pass a decoder model."
            )
        gaussian.check_prior(prior)
        self.prior = prior  # before Keras builds the model and accepts no more layers
        super().__init__(encoder, decoder, **kwargs)
        self.beta = beta
        self.importance_samples = importance_samples
        self.check_arguments()

    def check_arguments(self) -> None:
        super().check_arguments()
        check_number("beta", self.beta, least=0)
        check_count("importance_samples", self.importance_samples)
        if self.compiled:
            self._check_bound(self.importance_samples, self.loss)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        self._sample_shape = tuple(input_shape[1:])
        check_fixed_sizes(self, "A variational autoencoder draws codes")
        self._mean_head = keras.layers.Dense(
            self.latent_shape[-1], name="mean", dtype=self.dtype_policy
        )
        self._log_var_head = keras.layers.Dense(
            self.latent_shape[-1], name="log_var", dtype=self.dtype_policy
        )
        if self.prior is not None:
            gaussian.build_prior(self.prior, self.latent_shape)
        super().build(input_shape)

    def _check_code(self, code_shape: tuple[int | None, ...]) -> None:
        self._mean_head.build((None, *code_shape))
        self._log_var_head.build((None, *code_shape))
        super()._check_code((*code_shape[:-1], self.latent_shape[-1]))

    # The objective.

    def encoding(self, x: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of q(z|x): (batch, ...) to two of (batch, d)."""
        code = self.encoder(x, training=training)
        mean, log_var = self._mean_head(code), self._log_var_head(code)
        mean, log_var = ops.cast(mean, "float32"), ops.cast(log_var, "float32")
        return mean, gaussian.bounded(log_var) if training else log_var

    def draws(self, training: bool) -> Mapping[str, Draw]:
        k = self.annealed("importance_samples", training)
        return {"eps": Draw(self.latent_shape, draws=None if k == 1 else k)}

    def score_draws(self) -> Mapping[str, Draw]:
        return {"eps": Draw(self.latent_shape)}

    def bottleneck(
        self,
        code: tuple[Tensor, Tensor],
        training: bool = False,
        draws: Draws | None = None,
    ) -> Tensor:
        """z = μ + σε, with draws ε of N(0, I); without draws, μ."""
        mean, log_var = code
        return mean + ops.exp(0.5 * log_var) * draws["eps"] if draws else mean

    def penalty(
        self, x: Tensor, code: tuple[Tensor, Tensor], z: Tensor, **_: Any
    ) -> Tensor:
        mean, log_var = code
        if len(z.shape) == len(mean.shape):  # one draw
            z = ops.expand_dims(z, axis=0)
        return self.kl(mean, log_var, z)

    def kl(self, mean: Tensor, log_var: Tensor, z: Tensor) -> Tensor:
        """KL(q(z|x) ‖ p(z)) of each sample; with a learned prior, from draws of q.

        That is −H(q) − E log p(z), with the entropy of q in closed form.

        Args:
            mean: μ, (batch, ...).
            log_var: log σ², (batch, ...).
            z: k draws of q, (k, batch, ...).

        Returns:
            (batch,), in nats.
        """
        if self.prior is None:
            return penalties.gaussian_kl(mean, log_var)
        log_prior = ops.mean(gaussian.log_prior(self.prior, z), axis=0)
        return -penalties.gaussian_entropy(log_var) - log_prior

    def terms(self, parts: Parts, batch: Batch, draws: Draws) -> Terms:
        if len(draws["eps"].shape) == 1 + len(self.latent_shape):  # one draw
            return super().terms(parts, batch, draws)
        code = parts.encode(batch.x)
        z = self.bottleneck(code, batch.training, draws)  # (k, batch, d)
        bound, reconstructions = importance.bound(
            self, parts, batch, code[1], z, draws["eps"]
        )
        first = reconstructions[: ops.shape(code[0])[0]]
        terms = Terms(code, z, first, bound=bound)
        return terms._replace(penalty=self._penalty(parts, batch, draws, terms))

    # Training.

    @property
    def annealable(self) -> Mapping[str, Annealable]:
        counts = Annealable(int, is_static=True)  # decodings of a graph
        return {**super().annealable, "importance_samples": counts}

    def anneal(self, name: str, value: Any) -> None:
        if name == "importance_samples":
            self._check_bound(value, self.loss)
        super().anneal(name, value)

    def compile(self, optimizer: Any = "adam", loss: Any = None, **kwargs: Any) -> None:
        self._check_bound(self.importance_samples, loss)
        super().compile(optimizer, loss, **kwargs)

    def _check_bound(self, importance_samples: int, loss: Any) -> None:
        """Raise ValueError if the objective has no importance-weighted bound."""
        if importance_samples == 1:
            return
        if loss is not None and type(loss) is not type(self.reconstruction_loss):
            raise ValueError(
                "The importance-weighted bound uses the model's own likelihood. "
                "Compile without a loss, or set importance_samples=1."
            )
        if type(self).penalty is not VariationalAutoencoder.penalty:
            raise ValueError(
                "The importance-weighted bound includes the KL to the prior but no "
                f"other penalty, and {type(self).__name__} overrides `penalty`. Set "
                "importance_samples=1."
            )

    # What users and files call.

    def posterior(self, x: Any, batch_size: int = 256) -> tuple[np.ndarray, np.ndarray]:
        """Mean and log-variance of q(z|x): (batch, ...) to two of (batch, d)."""
        return self._run("posterior", (self._checked_input(x, False),), batch_size)

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.parts().encode(self.scale(x))

    def endpoints(self) -> dict[str, Endpoint]:
        codes = (None, *self.latent_shape)
        x, eps = tensor_specs({"x": self.input_shape}), tensor_specs({"eps": codes})
        posterior = tensor_specs({"mean": codes, "log_var": codes})
        reconstruction = tensor_specs({"reconstruction": self.output_shape})
        return super().endpoints() | {
            "posterior": Endpoint(self._posterior, x, posterior),
            "sample": Endpoint(self._sample, eps, reconstruction),
        }

    def random_endpoints(self) -> dict[str, Endpoint]:
        def sample(n: Tensor, seed: Tensor) -> Tensor:
            shape = [n, *self.latent_shape]
            return self._sample(tf.random.stateless_normal(shape, tf.stack([seed, 0])))

        def log_likelihood(x: Tensor, samples: Tensor, seed: Tensor) -> Tensor:
            estimate = tf.function(self._log_likelihood)
            return estimate(self.parts(), x, samples, tf.stack([seed, 0]))

        n, samples = (
            tensor_specs({name: (), "seed": ()}, "int32") for name in ("n", "samples")
        )
        reconstruction = tensor_specs({"reconstruction": self.output_shape})
        return {
            "sample": Endpoint(sample, n, reconstruction),
            "log_likelihood": Endpoint(
                log_likelihood,
                {**tensor_specs({"x": self.input_shape}), **samples},
                tensor_specs({"log_likelihood": (None,)}),
            ),
        }

    def spec(self) -> ModelSpec:
        spec = super().spec()
        if self.prior is None:
            terms = spec.score_terms and (*spec.score_terms, "gaussian_kl")
            return spec._replace(prior="N(0, I)", score_terms=terms)
        return spec._replace(
            parts={**spec.parts, "prior": self.prior},
            prior=type(self.prior).__name__,
            score_terms=None,
        )

    def _sample(self, eps: Tensor) -> Tensor:
        z = eps if self.prior is None else self.prior.from_normal(eps)
        return self._decode(z)

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Draw x̂ from the prior: the decoder's mean for n latent codes z ~ p(z).

        Args:
            n: Number of samples.
            seed: Integer; equal seeds give equal samples. None draws new ones.

        Returns:
            (n, ...).
        """
        n = check_count("n", n)
        if seed is not None:
            seed = check_draw_seed(seed)
        eps = keras.random.normal((n, *self.latent_shape), seed=seed)
        return self._run("sample", (eps,))

    def interpolate(self, a: Any, b: Any, steps: int = 10) -> np.ndarray:
        """Decode the straight line between the codes of two inputs.

        Args:
            a: One input, with the shape of a sample.
            b: Another.
            steps: Number of points, including the two ends.

        Returns:
            (steps, ...), from the reconstruction of a to that of b.
        """
        check_integer("steps", steps, 2)
        if is_symbolic(a) or is_symbolic(b):
            start, end = tf.unstack(self.encode(tf.stack([a, b])))
        else:
            for role, sample in (("a", a), ("b", b)):
                sample = to_array(sample, role)
                check_array(sample[None], role, self.sample_shape, self.input_range)
            start, end = self.encode(np.stack([a, b]))
        weight = tf.linspace(0.0, 1.0, steps)
        weight = tf.reshape(weight, (-1, *[1] * len(start.shape)))
        return self.decode((1 - weight) * start + weight * end)

    def log_likelihood(
        self,
        x: Any,
        samples: int = 5000,
        seed: int = 0,
        batch_size: int = 64,
        parts: Parts | None = None,
    ) -> np.ndarray:
        """Estimate log p(x) by importance sampling, a lower bound in expectation.

        log (1/k) Σᵢ p(x|zᵢ) p(zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x) (Burda et al. 2016, equation 8).
        It is a probability only if the likelihood is defined for the data: binarize
        images for the Bernoulli likelihood.

        Args:
            x: (batch, ...).
            samples: k; published figures use 5000.
            seed: Integer seed of the draws.
            batch_size: Number of rows of x that are computed at once, which alone
                determines the memory used.
            parts: Functions that encode and decode, such as those of an exported file;
                None uses the model's own.

        Returns:
            (batch,), in nats.
        """
        count = tf.constant(check_count("samples", samples))
        seed = check_draw_seed(seed)
        check_count("batch_size", batch_size)
        x = self._checked_input(x, is_target=True)
        if not tf.executing_eagerly():
            estimate = tf.function(self._log_likelihood)  # which converts its loop
            return estimate(parts or self.parts(), x, count, tf.constant([seed, 0]))
        self.refresh_graphs()
        estimate = self._compiled_log_likelihood()
        if parts is not None:
            estimate = functools.partial(self._log_likelihood, parts)
        estimates = [
            estimate(
                tf.cast(x[rows], "float32"), count, tf.constant([seed, rows.start])
            )
            for rows in slices(len(x), batch_size)
        ]
        return np.concatenate(estimates)

    def _log_likelihood(
        self, parts: Parts, x: Tensor, samples: Tensor, seed: Tensor
    ) -> Tensor:
        return importance.log_likelihood(self, parts, self.scale(x), samples, seed)

    def _compiled_log_likelihood(self) -> Callable[..., Tensor]:
        if "log_likelihood" not in self._endpoints:
            self._endpoints["log_likelihood"] = tf.function(
                lambda x, samples, seed: self._log_likelihood(
                    self.parts(), x, samples, seed
                ),
                reduce_retracing=True,
            )
        return self._endpoints["log_likelihood"]
