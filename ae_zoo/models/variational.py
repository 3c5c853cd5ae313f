"""The variational autoencoder: a posterior q(z|x), held to a prior p(z) by its KL."""

import math

import keras
import tensorflow as tf
from keras import ops

from ae_zoo import penalties
from ae_zoo._checks import check_at_least, check_count, check_integer
from ae_zoo.distribution import replicas
from ae_zoo.models.autoencoder import Autoencoder


@keras.saving.register_keras_serializable("ae_zoo")
class VariationalAutoencoder(Autoencoder):
    """−log p(x|z) + β KL(q(z|x) ‖ p(z)), z drawn from q (Kingma & Welling 2014).

    Two dense heads on the encoder give the mean and log-variance of q, so any encoder
    fits any decoder. `encode` and `predict` use the mean of q.

    With `importance_samples` k > 1 the loss is the tighter bound
    −log (1/k) Σᵢ p(x|zᵢ) (p(zᵢ)/q(zᵢ|x))^β (Burda et al. 2016, equation 8 at β = 1),
    less than the logged `reconstruction` and β `kl` together. Its gradient is doubly
    reparameterized (Tucker et al. 2019): the decoder must treat each sample alone,
    without batch normalization or a loss of its own. `score` stays the negative ELBO.

    p(z) is N(0, I), or a density that learns with the rest: the best prior is the mean
    of q over all data (Tomczak & Welling 2018, equation 8). The KL to a learned one has
    no closed form, and is estimated by the draws of a step.

    Args:
        encoder: See `Autoencoder`, as for all other arguments; any output size.
        decoder: From (batch, d); d is its input size.
        beta: β, the weight of the KL (Higgins et al. 2017). The metric `kl` shows the
            KL without it.
        importance_samples: k, how often a step decodes each sample.
        prior: p(z): None for N(0, I), or a layer such as `ae_zoo.layers.RealNVP`, with
            the methods `log_prob`, codes (batch, ...) to (batch,) in float32, and
            `from_normal`, draws of N(0, I) to codes of the same shape.
        **kwargs: `reconstruction_loss`, `seed`, `name`, `dtype`.

    Raises:
        TypeError: The prior is no such layer.
        ValueError: β < 0, k no integer ≥ 1, a prior that was built for codes of another
            shape, or a tied decoder, which has no place for the heads.

    Example:

    >>> encoder = ae_zoo.networks.dense_encoder((784,), [200, 200], "tanh", "tanh")
    >>> decoder = ae_zoo.networks.dense_decoder(50, [200, 200], (784,), "tanh")
    >>> model = ae_zoo.VariationalAutoencoder(encoder, decoder, beta=1.0)
    >>> model.sample(16, seed=1).shape
    TensorShape([16, 784])
    """

    penalty_name = "kl"

    def __init__(
        self, encoder, decoder, beta=1.0, importance_samples=1, prior=None, **kwargs
    ):
        check_at_least("beta", beta, 0)
        check_count("importance_samples", importance_samples)
        if decoder == "tied":
            raise ValueError(
                "A variational autoencoder puts two heads between encoder and decoder, "
                "so decoder='tied' has no meaning here. Pass a decoder model."
            )
        _check_prior(prior)
        self.prior = prior  # before Keras builds the model and takes no more layers
        super().__init__(encoder, decoder, **kwargs)
        self.beta = beta
        self.importance_samples = importance_samples

    def build(self, input_shape):
        self._mean_head = keras.layers.Dense(
            self.latent_shape[-1], name="mean", dtype=self.dtype_policy
        )
        self._log_var_head = keras.layers.Dense(
            self.latent_shape[-1], name="log_var", dtype=self.dtype_policy
        )
        if self.prior is not None:
            _build_prior(self.prior, self.latent_shape)
        super().build(input_shape)

    def _check_code(self, code_shape):
        self._mean_head.build((None, *code_shape))
        self._log_var_head.build((None, *code_shape))
        super()._check_code((*code_shape[:-1], self.latent_shape[-1]))

    @property
    def penalty_weight(self):
        return self.beta

    def compile(self, optimizer="adam", loss=None, **kwargs):
        self.check_bound(self.importance_samples, loss)
        super().compile(optimizer, loss, **kwargs)

    def check_bound(self, importance_samples, loss):
        """Refuses a loss of which no bound of so many samples can be made."""
        is_own = loss is None or type(loss) is type(self.reconstruction_loss)
        if importance_samples > 1 and not is_own:
            raise ValueError(
                "The importance-weighted bound is made of the model's own likelihood. "
                "Compile without a loss, or set importance_samples=1."
            )

    def bottleneck(self, code, training=False):
        return self._mean_head(code)

    def posterior(self, x, training=False):
        """Mean and log-variance of q(z|x): (batch, ...) to two of (batch, d)."""
        code = self.encoder(x, training=training)
        mean, log_var = self._mean_head(code), self._log_var_head(code)
        return ops.cast(mean, "float32"), ops.cast(log_var, "float32")

    def forward(self, x, y, sample_weight, training):
        mean, log_var = self.posterior(x, training)
        k = self.annealed("importance_samples", training)
        seed = self.next_seed(training, shared=True)
        noise = replicas.of_global_batch(
            lambda mean: _standard_normal(mean, k, seed),
            mean,
            axis=1,
        )
        z = mean + ops.exp(0.5 * log_var) * noise  # (k, batch, d)
        beta = self.annealed("penalty_weight", training)
        kl = self.kl(mean, log_var, z)
        if k == 1:
            return self._decode_all(z, training), kl, beta * kl
        bound, reconstructions = self._importance_weighted_bound(
            y, z, noise, log_var, beta, training
        )
        reconstruction = reconstructions[: ops.shape(mean)[0]]
        # Keras counts ℓ of the first draw; what joins it here turns the sum into the
        # bound, in value and in gradient.
        first = self.reconstruction_loss.call(y, reconstruction)
        return reconstruction, kl, bound - first

    def kl(self, mean, log_var, z):
        """KL(q(z|x) ‖ p(z)) of each sample; under a learned prior by draws of q.

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
        log_prior = ops.mean(_log_prior(self.prior, z), axis=0)
        return -penalties.gaussian_entropy(log_var) - log_prior

    def _importance_weighted_bound(self, y, z, noise, log_var, beta, training):
        """The bound, and the reconstructions of its draws, (k * batch, ...).

        The gradient of q is that of Tucker et al. 2019, "Doubly reparameterized
        gradient estimators for Monte Carlo objectives": of equal mean, as a rule of
        less variance, and at β = 1 zero where q is the true posterior. Draw i counts
        w̃ᵢ² in place of w̃ᵢ; for any β, by the same derivation, w̃ᵢ (1 − β (1 − w̃ᵢ)).
        """
        factors = []
        z = _with_gradient_times(factors, z)
        reconstructions = self._decode_all(z, training)  # (k * batch, ...)
        # As the density of q sees it: the value is ε, the gradient that of z alone.
        # A floor for σ, 5e-5, keeps that gradient finite.
        log_var = ops.stop_gradient(log_var)
        precision = ops.exp(-0.5 * ops.maximum(log_var, -20.0))
        noise = noise + (z - ops.stop_gradient(z)) * precision
        log_ratio = _log_prior(self.prior, z) - _log_posterior(noise, log_var)
        loss = _per_draw(self.reconstruction_loss.call, y, reconstructions, z.shape[0])
        log_weight = beta * log_ratio - loss  # (k, batch)
        share = ops.stop_gradient(ops.softmax(log_weight, axis=0))
        factor = 1 - beta * (1 - share)
        factors.append(ops.reshape(factor, (z.shape[0], -1, *[1] * (z.ndim - 2))))
        bound = math.log(z.shape[0]) - ops.logsumexp(log_weight, axis=0)
        return bound, reconstructions

    def _decode_all(self, z, training=False):
        return self.decoder(ops.reshape(z, (-1, *self.latent_shape)), training=training)

    def endpoints(self):
        return super().endpoints() | {
            "posterior": lambda x: self.posterior(x),
            "sample": self._sample,
        }

    def random_endpoints(self):
        def sample(n, seed):
            shape = [n, *self.latent_shape]
            return self._sample(tf.random.stateless_normal(shape, tf.stack([seed, 0])))

        def log_likelihood(x, samples, seed):
            estimate = tf.function(self._log_likelihood)
            return estimate(x, samples, tf.stack([seed, 0]))

        return {"sample": sample, "log_likelihood": log_likelihood}

    def _sample(self, eps):
        z = eps if self.prior is None else self.prior.from_normal(eps)
        return self.decoder(z, training=False)

    def _score(self, x, eps):  # the negative ELBO
        mean, log_var = self.posterior(x)
        z = mean + ops.exp(0.5 * log_var) * eps
        kl = self.kl(mean, log_var, ops.expand_dims(z, axis=0))
        return kl + self.reconstruction_loss.call(x, self.decoder(z))

    def score(self, x, batch_size=256, seed=0):
        """The negative ELBO of each sample at β = 1, from one draw of z.

        Args:
            x: (batch, ...).
            batch_size: How many samples to work on at once.
            seed: Integer seed of the draws; equal seeds give equal scores.

        Returns:
            (batch,), in nats (Gaussian: ½‖x − x̂‖² plus the KL).
        """
        self._check_self_target()
        self._check_input(x, is_target=True)
        eps = tf.random.stateless_normal((len(x), *self.latent_shape), (seed, 0))
        return self._run("score", (x, eps), batch_size)

    def sample(self, n, seed=None):
        """Draws x̂ from the prior: the decoder's mean for n latent codes z ~ p(z).

        Args:
            n: How many.
            seed: Integer; equal seeds give equal samples. None draws anew.

        Returns:
            (n, ...).
        """
        check_count("n", n)
        eps = keras.random.normal((n, *self.latent_shape), seed=seed)
        return self._run("sample", (eps,), batch_size=256)

    def interpolate(self, a, b, steps=10):
        """Decodes the straight line between the codes of two inputs.

        Args:
            a: One input, shape of a sample.
            b: Another.
            steps: How many points, the two ends included.

        Returns:
            (steps, ...), from the reconstruction of a to that of b.
        """
        check_integer("steps", steps, 2)
        start, end = tf.cast(self.encode(tf.stack([a, b])), "float32")
        weight = tf.reshape(tf.linspace(0.0, 1.0, steps), (-1, *[1] * start.ndim))
        return self.decode((1 - weight) * start + weight * end)

    def log_likelihood(self, x, samples=5000, seed=0, batch_size=64):
        """Importance-sampled estimate of log p(x), a lower bound in expectation.

        log (1/k) Σᵢ p(x|zᵢ) p(zᵢ)/q(zᵢ|x), zᵢ ~ q(z|x) (Burda et al. 2016, equation 8).
        A probability only for data the likelihood is defined on: binarize images for
        the Bernoulli.

        Args:
            x: (batch, ...).
            samples: k; published figures use 5000.
            seed: Integer seed of the draws.
            batch_size: Samples of x to work on at once; memory grows with it alone.

        Returns:
            (batch,), in nats.
        """
        check_count("samples", samples)
        self._check_input(x, is_target=True)
        if "log_likelihood" not in self._endpoints:
            self._endpoints["log_likelihood"] = tf.function(
                self._log_likelihood, reduce_retracing=True
            )
        x = tf.convert_to_tensor(x, dtype="float32")
        return tf.concat(
            [
                self._endpoints["log_likelihood"](
                    x[start : start + batch_size],
                    tf.constant(samples),
                    tf.constant([seed, start]),
                )
                for start in range(0, x.shape[0], batch_size)
            ],
            axis=0,
        )

    def _log_likelihood(self, x, samples, seed, chunk=50):
        mean, log_var = self.posterior(x)
        total = tf.fill([tf.shape(x)[0]], -math.inf)
        for first in tf.range(0, samples, chunk):
            chunk_seed = tf.random.experimental.stateless_fold_in(seed, first)
            noise = _standard_normal(mean, chunk, chunk_seed)
            z = mean + ops.exp(0.5 * log_var) * noise
            log_weight = _per_draw(
                self.reconstruction_loss.log_prob, x, self._decode_all(z), chunk
            )
            log_weight += _log_prior(self.prior, z) - _log_posterior(noise, log_var)
            is_wanted = tf.range(first, first + chunk) < samples
            log_weight = tf.where(is_wanted[:, None], log_weight, -math.inf)
            total = tf.reduce_logsumexp(
                tf.concat([total[None], log_weight], axis=0), axis=0
            )
        return total - tf.math.log(tf.cast(samples, "float32"))


def _standard_normal(mean, k, seed):
    """k draws of N(0, I) for each row of `mean`: (k, batch, d)."""
    shape = tf.concat([[k], tf.shape(mean)], axis=0)
    noise = tf.random.stateless_normal(shape, seed, dtype=mean.dtype)
    return tf.ensure_shape(noise, (k, *mean.shape))


def _with_gradient_times(factors, z):
    """The same z, whose gradient is multiplied by what `factors` then holds."""

    @tf.custom_gradient
    def identity(z):
        return tf.identity(z), lambda gradient: gradient * factors[0]

    return identity(z)


def _log_prior(prior, z):
    """log p(z): (k, batch, ...) to (k, batch)."""
    z = ops.cast(z, "float32")
    if prior is None:
        return -0.5 * _sum_over_units(ops.square(z) + math.log(2 * math.pi))
    log_prob = prior.log_prob(ops.reshape(z, (-1, *z.shape[2:])))
    return ops.reshape(log_prob, (z.shape[0], -1))


def _log_posterior(noise, log_var):
    """log q(z|x) of z = μ + σε: (k, batch, ...) to (k, batch).

    A density of ε and not of (z − μ)/σ, which for a small σ is 0/0.
    """
    noise, log_var = ops.cast(noise, "float32"), ops.cast(log_var, "float32")
    return -0.5 * _sum_over_units(ops.square(noise) + log_var + math.log(2 * math.pi))


def _sum_over_units(values):
    return ops.sum(values, axis=tuple(range(2, len(values.shape))))


def _per_draw(loss, x, reconstructions, k):
    """Applies a per-sample loss to (k * batch, ...) reconstructions: (k, batch)."""
    repeats = [k, *[1] * (len(x.shape) - 1)]
    return ops.reshape(loss(ops.tile(x, repeats), reconstructions), (k, -1))


def _check_prior(prior):
    is_layer = isinstance(prior, keras.layers.Layer)
    needed = ("log_prob", "from_normal")
    if prior is not None and not (is_layer and all(hasattr(prior, n) for n in needed)):
        raise TypeError(
            "`prior` must be None, for N(0, I), or a Keras layer with `log_prob` and "
            "`from_normal`, such as ae_zoo.layers.RealNVP(). Received: "
            f"{type(prior).__name__}"
        )


def _build_prior(prior, latent_shape):
    if not prior.built:
        prior.build((None, *latent_shape))
    shape = (prior.get_build_config() or {}).get("input_shape", (None, *latent_shape))
    if tuple(shape[1:]) != tuple(latent_shape):
        raise ValueError(
            f"The prior was built for codes of shape {tuple(shape[1:])}, and those of "
            f"this model are {tuple(latent_shape)}. Give it a new layer."
        )
