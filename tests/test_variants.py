"""What each variant adds, compared with closed forms and other libraries."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from builders import normal
from scipy import special, stats
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

import ae_zoo
from ae_zoo import layers, networks
from ae_zoo.studies import file_cost

# The slot for a model that owns its scaling.


class InTenths:
    """Takes and gives tens of what its encoder and decoder see."""

    def scale(self, x):
        return x / 10

    def unscale(self, x):
        return 10 * x


@keras.saving.register_keras_serializable("ae_zoo_tests")
class UndercompleteInTenths(InTenths, ae_zoo.UndercompleteAutoencoder):
    pass


@pytest.mark.slow
def test_scaling_stands_before_the_objective():
    """Losses and scores are those of the scaled values; reconstructions are not."""
    x = normal(12, 6)
    encoder, decoder = networks.dense_encoder((6,), [3]), "tied"
    options = {"reconstruction_loss": "gaussian"}
    plain = ae_zoo.UndercompleteAutoencoder(encoder, decoder, **options)
    scaled = UndercompleteInTenths(encoder, plain.decoder, **options)
    for model in (plain, scaled):
        model.compile()
    expected = plain.evaluate(x, verbose=0)
    assert scaled.evaluate(10 * x, verbose=0) == pytest.approx(expected, rel=1e-5)
    same = {"rtol": 1e-5, "atol": 1e-5}
    np.testing.assert_allclose(scaled.score(10 * x), plain.score(x), **same)
    np.testing.assert_allclose(scaled.encode(10 * x), plain.encode(x), **same)
    received = scaled.predict(10 * x, verbose=0)
    np.testing.assert_allclose(received, 10 * plain.predict(x, verbose=0), **same)
    np.testing.assert_allclose(scaled.decode(scaled.encode(10 * x)), received, **same)


@keras.saving.register_keras_serializable("ae_zoo_tests")
class VariationalInTenths(InTenths, ae_zoo.VariationalAutoencoder):
    pass


@pytest.mark.slow
def test_a_file_of_a_scaled_model_has_its_score_and_likelihood(tmp_path):
    model = VariationalInTenths(
        networks.dense_encoder((6,), [3]),
        networks.dense_decoder(2, [], (6,), output="linear"),
        reconstruction_loss="gaussian",
    )
    model.export(tmp_path / "m.tflite", format="litert", batch_size=4)
    file = file_cost.FileModel(tmp_path / "m.tflite", model)
    x = 10 * normal(4, 6)
    np.testing.assert_allclose(file.score(x), model.score(x), rtol=1e-4)
    received = file.log_likelihood(x, samples=60)
    np.testing.assert_allclose(received, model.log_likelihood(x, samples=60), rtol=1e-4)


# Undercomplete.


@pytest.mark.slow
@pytest.mark.parametrize("decoder", ["tied", "untied"])
def test_a_linear_autoencoder_reaches_the_principal_subspace(decoder):
    """The two components kept have clearly larger deviations than the third, 1."""
    random = np.random.default_rng(0)
    axes, _ = np.linalg.qr(random.normal(size=(6, 6)))
    deviations = np.array([3, 2, 1, 0.3, 0.3, 0.3])
    x = (random.normal(size=(300, 6)) * deviations @ axes.T).astype("float32")
    x -= x.mean(axis=0)
    if decoder == "untied":
        decoder = networks.dense_decoder(2, [], (6,), output="linear")
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((6,), [2]), decoder, reconstruction_loss="gaussian"
    )
    model.compile(keras.optimizers.Adam(0.02), steps_per_execution=400)
    whole = tf.data.Dataset.from_tensors(x).repeat(800)
    model.fit(whole, epochs=1, verbose=0)
    pca = PCA(2).fit(x)
    zero, ones = np.zeros((1, 2), "float32"), np.eye(2, dtype="float32")
    spanned = model.decode(ones) - model.decode(zero)  # (2, 6)
    # By then gradient descent is within a hundredth of a radian. Any share of the
    # third component would give an angle of order one.
    assert subspace_angles(spanned.T, pca.components_.T).max() < 0.01
    residual = x - pca.inverse_transform(pca.transform(x))
    best = 0.5 * (residual**2).sum(axis=1).mean()
    assert best * 0.9999 <= float(np.mean(model.score(x))) < best * 1.001


def test_undercomplete_takes_non_linear_and_untied_parts():
    encoder = networks.dense_encoder((6,), [4], latent_activation="relu")
    decoder = networks.dense_decoder(4, [5], (6,))
    model = ae_zoo.UndercompleteAutoencoder(encoder, decoder)
    x = np.abs(normal(3, 6)) % 1
    assert model.encode(x).min() == 0
    np.testing.assert_allclose(model(x), decoder(encoder(x)), rtol=1e-6)


# Deep.


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_deep_ties_of_any_depth(depth):
    """One kernel per layer, a bias in each direction; parameters counted by hand."""
    widths = list(range(11, 11 - depth, -1))
    model = ae_zoo.DeepAutoencoder(networks.dense_encoder((12,), widths), "tied")
    sizes = [12, *widths]
    kernels = sum(a * b for a, b in zip(sizes, widths, strict=False))
    assert model.count_params() == kernels + sum(sizes[1:]) + sum(sizes[:-1])
    assert len(model.trainable_weights) == 3 * depth


# Convolutional.


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(28, 20, 1), (33, 47, 3), (9, 7, 3)])
def test_images_of_any_size(shape):
    model = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(shape, [3, 4], 5),
        networks.convolutional_decoder(shape, [3, 4], 5),
    )
    model.compile()
    x = np.random.default_rng(0).random((4, *shape), dtype="float32")
    assert np.isfinite(model.evaluate(x, verbose=0)).all()
    assert model.predict(x, verbose=0).shape == x.shape


@pytest.fixture
def colorizing():
    """A model from gray images to color images."""
    model = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder((8, 8, 1), [4]),
        networks.convolutional_decoder((8, 8, 3), [4]),
    )
    model.compile("adam")
    return model


@pytest.mark.slow
def test_colorizing_learns_from_pairs(colorizing, images):
    color = images * np.array([0.9, 0.5, 0.1], "float32")
    before = colorizing.evaluate(images, color, verbose=0)[0]
    colorizing.optimizer.learning_rate = 0.01
    colorizing.fit(images, color, batch_size=8, epochs=3, verbose=0)
    assert colorizing.evaluate(images, color, verbose=0)[0] < before
    assert colorizing.predict(images, verbose=0).shape == (32, 8, 8, 3)


def test_colorizing_has_no_score_and_no_target_of_its_own(colorizing, images, tmp_path):
    for use in (colorizing.fit, colorizing.evaluate, colorizing.score):
        with pytest.raises(ValueError, match=r"\(8, 8, 1\) to \(8, 8, 3\).*pairs"):
            use(images)
    colorizing.export(tmp_path / "saved")
    signatures = tf.saved_model.load(tmp_path / "saved").signatures
    assert set(signatures) == {"serving_default", "reconstruct", "encode", "decode"}


# Sparse.


def test_k_sparse_keeps_k_in_training_and_k_inference_elsewhere():
    encoder = networks.dense_encoder((6,), [10])
    model = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=2, k_inference=5)
    code = encoder(np.abs(normal(7, 6)))
    for training, k in ((True, 2), (False, 5)):
        kept = model.bottleneck(code, training=training).numpy()
        assert ((kept != 0).sum(axis=1) == k).all()
    assert (np.count_nonzero(model.encode(np.abs(normal(7, 6)) % 1), axis=1) == 5).all()
    same = ae_zoo.SparseAutoencoder(encoder, "tied", sparsity="k", k=2)
    assert (np.count_nonzero(same.bottleneck(code), axis=1) == 2).all()


@pytest.mark.slow
def test_l1_makes_codes_sparser(images):
    """Compares two runs with equal weights and data, with and without the penalty."""
    activity = {}
    for weight in (0.0, 2.0):
        keras.utils.set_random_seed(0)
        encoder = networks.dense_encoder((8, 8, 1), [20], latent_activation="relu")
        model = ae_zoo.SparseAutoencoder(
            encoder, "tied", sparsity="l1", penalty_weight=weight
        )
        model.compile(keras.optimizers.Adam(0.01))
        model.fit(images, batch_size=8, epochs=10, verbose=0)
        activity[weight] = float(np.mean(model.encode(images)))
    assert activity[2.0] < 0.5 * activity[0.0]


# Contractive.


@pytest.mark.slow
def test_methods_of_the_jacobian_agree(images):
    """Equal up to rounding; a projection onto a single unit has no variance."""
    logs = {}
    for method in ("auto", "closed_form", "exact", "projection"):
        keras.utils.set_random_seed(0)
        encoder = networks.dense_encoder((8, 8, 1), [1], latent_activation="sigmoid")
        model = ae_zoo.ContractiveAutoencoder(
            encoder, "tied", penalty_weight=2.0, jacobian=method
        )
        model.compile()
        logs[method] = model.evaluate(images, verbose=0, return_dict=True)
    for method in logs:
        assert logs[method] == pytest.approx(logs["exact"], rel=1e-5)
    assert logs["exact"]["contraction"] > 1e-3


# Variational: a linear Gaussian model, p(x) = N(b, W Wᵀ + I), is known in closed form.

N, D = 5, 2


class LinearGaussian:
    """x̂ = W z + b with posterior N(A x + a, diag σ²), which is not the true one."""

    def __init__(self, importance_samples=1, scale=1.0, beta=1.0, w=None, prior=None):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((N,))
        encoder = keras.Model(inputs, keras.layers.Activation("linear")(inputs))
        decoder = networks.dense_decoder(D, [], (N,), output="linear")
        self.model = ae_zoo.VariationalAutoencoder(
            encoder,
            decoder,
            beta=beta,
            importance_samples=importance_samples,
            prior=prior,
            reconstruction_loss="gaussian",
        )
        self.w, self.b = 0.8 * normal(D, N) if w is None else w, normal(N, seed=1)
        decoder.set_weights([self.w, self.b])
        # The true posterior is N(M⁻¹ W (x − b), M⁻¹), M = W Wᵀ + I; this one has its
        # mean and variances but no correlation, and `scale` times its deviations.
        inverse = np.linalg.inv(self.w @ self.w.T + np.eye(D)).astype("float32")
        self.a = self.w.T @ inverse  # (N, D)
        self.log_var = np.log(scale**2 * np.diag(inverse)).astype("float32")
        for weight in self.model.weights:
            if "mean/kernel" in weight.path:
                weight.assign(self.a)
            elif "mean/bias" in weight.path:
                weight.assign(-self.b @ self.a)
            elif "log_var/kernel" in weight.path:
                weight.assign(np.zeros((N, D), "float32"))
            elif "log_var/bias" in weight.path:
                weight.assign(self.log_var)
        random = np.random.default_rng(2)
        z = random.normal(size=(6, D))
        self.x = (z @ self.w + self.b + random.normal(size=(6, N))).astype("float32")

    def log_likelihood(self):
        return stats.multivariate_normal(self.b, self.w.T @ self.w + np.eye(N)).logpdf(
            self.x
        )

    def kl(self):
        """Term by term, ½(μ² + σ² − log σ² − 1)."""
        mean = (self.x - self.b) @ self.a
        terms = mean**2 + np.exp(self.log_var) - self.log_var - 1
        return 0.5 * terms.sum(axis=1)

    def elbo(self):
        """E ½‖x − W z − b‖² = ½‖x − W μ − b‖² + ½ Σⱼ σⱼ² ‖wⱼ‖², in closed form."""
        mean = (self.x - self.b) @ self.a
        residual = self.x - self.b - mean @ self.w
        spread = np.exp(self.log_var) @ (self.w**2).sum(axis=1)
        error = 0.5 * (residual**2).sum(axis=1) + 0.5 * spread
        return -error - 0.5 * N * np.log(2 * np.pi) - self.kl()

    def log_weights(self, draws):
        """log p(x|z) p(z) / q(z|x) of many draws, by SciPy: (draws, batch)."""
        mean, deviation = (self.x - self.b) @ self.a, np.exp(self.log_var / 2)
        z = np.random.default_rng(3).normal(mean, deviation, (draws, *mean.shape))
        return (
            stats.norm.logpdf(self.x, z @ self.w + self.b).sum(axis=-1)
            + stats.norm.logpdf(z).sum(axis=-1)
            - stats.norm.logpdf(z, mean, deviation).sum(axis=-1)
        )


CONSTANT = 0.5 * N * np.log(2 * np.pi)  # omitted by the Gaussian loss


def repeated(gaussian, times):
    return np.repeat(gaussian.x, times, axis=0)


@pytest.mark.slow
def test_kl_and_score_by_hand():
    gaussian = LinearGaussian()
    gaussian.model.compile()
    times = 4000
    scores = gaussian.model.score(repeated(gaussian, times))
    scores = scores.reshape(6, times)
    error = scores.std(axis=1) / np.sqrt(times)
    negative_elbo = -gaussian.elbo() - CONSTANT
    assert (np.abs(scores.mean(axis=1) - negative_elbo) < 4 * error).all()
    assert (error < 0.05).all()
    logs = gaussian.model.evaluate(gaussian.x, verbose=0, return_dict=True)
    np.testing.assert_allclose(logs["kl"], gaussian.kl().mean(), rtol=1e-5)


@pytest.mark.slow
def test_log_likelihood_is_the_closed_form():
    """The estimate of log p by k draws errs by sd(w)/(mean(w) √k), w = p(x, z)/q(z|x).

    Its bias is half the square of that, below 1e-5 here.
    """
    gaussian = LinearGaussian(scale=1.2)
    k = 20_000
    log_weight = gaussian.log_weights(20_000)
    weight = np.exp(log_weight - log_weight.max(axis=0))
    error = weight.std(axis=0) / weight.mean(axis=0) / np.sqrt(k)
    estimate = gaussian.model.log_likelihood(gaussian.x, samples=k, batch_size=4)
    assert (error < 0.01).all()
    assert (np.abs(estimate - gaussian.log_likelihood()) < 4 * error).all()


def test_bounds_rise_from_the_elbo_to_the_likelihood():
    """Means over many draws of x; k = 1 is the ELBO, in expectation."""
    gaussian = LinearGaussian(scale=1.3)
    x = repeated(gaussian, 2000)
    bounds, errors = [], []
    for k in (1, 5, 25):
        values = gaussian.model.log_likelihood(x, samples=k, batch_size=len(x))
        values = values.reshape(6, -1)
        bounds.append(values.mean())
        errors.append(np.sqrt((values.var(axis=1) / values.shape[1]).mean() / 6))
    elbo, likelihood = gaussian.elbo().mean(), gaussian.log_likelihood().mean()
    assert abs(bounds[0] - elbo) < 4 * errors[0]
    for below, above, error in zip(
        [bounds[0], bounds[1]], [bounds[1], bounds[2]], errors, strict=False
    ):
        assert above - below > 4 * error
    assert bounds[2] < likelihood
    # The bias of the bound is about Var(w)/(2k), which is 5 times less at k = 25.
    assert likelihood - bounds[2] < 0.3 * (likelihood - bounds[1]) + 4 * errors[2]


@pytest.mark.slow
def test_a_narrow_posterior_keeps_its_density():
    """At σ = 1e-20, z equals μ in float32: the density must come from the noise."""
    gaussian = LinearGaussian(importance_samples=3, scale=1e-20)
    x = repeated(gaussian, 2000)
    values = gaussian.model.log_likelihood(x, samples=1, batch_size=len(x))
    # log q varies as ½χ² of D degrees of freedom: its standard deviation is √(D/2).
    error = np.sqrt(D / 2 / len(x))
    assert abs(values.mean() - gaussian.elbo().mean()) < 4 * error
    for weight in gaussian.model.weights:
        if "log_var/bias" in weight.path:
            weight.assign([-200.0] * D)  # σ is 0 in float32
    gaussian.model.compile(keras.optimizers.SGD(1e-6))
    logs = gaussian.model.fit(gaussian.x, verbose=0).history
    assert np.isfinite(logs["loss"]).all()
    # The gradient of μ is ε/σ at most, with the floor of σ at e⁻¹⁰.
    assert all(np.abs(weight).max() < 250 for weight in gaussian.model.get_weights())


@pytest.mark.slow
def test_the_importance_weighted_bound_of_a_code_with_axes():
    """Each draw of a convolutional code, 2×2×3 here, has one weight."""
    shape, code = (4, 4, 1), (2, 2, 3)
    inputs = keras.Input(shape)
    features = keras.layers.Conv2D(3, 2, strides=2)(inputs)
    latent = keras.Input(code)
    outputs = keras.layers.Conv2DTranspose(1, 2, strides=2)(latent)
    model = ae_zoo.VariationalAutoencoder(
        keras.Model(inputs, features),
        keras.Model(latent, outputs),
        importance_samples=3,
        reconstruction_loss="gaussian",
    )
    model.compile(keras.optimizers.SGD(0.1))
    before = [weight.numpy() for weight in model.trainable_weights]
    model.fit(normal(2, *shape), verbose=0)
    for weight, old in zip(model.trainable_weights, before, strict=True):
        assert np.isfinite(weight).all() and (weight.numpy() != old).any()


def trained_prior(d, couplings=3):
    """A RealNVP with random weights, far from N(0, I)."""
    prior = layers.RealNVP(couplings, units=8)
    prior.build((None, d))
    for seed, weight in enumerate(prior.weights):
        weight.assign(0.5 * normal(*weight.shape, seed=seed))
    return prior


@pytest.mark.parametrize("d", [2, 5])
@pytest.mark.parametrize("couplings", [1, 4])
def test_real_nvp_is_the_density_of_a_change_of_variables(d, couplings):
    """log p(z) = log N(u) + log |det du/dz|, with the Jacobian by TensorFlow."""
    prior, z = trained_prior(d, couplings), tf.constant(normal(7, d))
    with tf.GradientTape() as tape:
        tape.watch(z)
        u = prior(z)
    jacobian = tape.batch_jacobian(u, z).numpy()
    expected = stats.norm.logpdf(u).sum(axis=1) + np.linalg.slogdet(jacobian)[1]
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(prior.from_normal(u), z, rtol=1e-4, atol=1e-5)
    assert np.abs(u - z).max() > 0.5


def test_real_nvp_begins_as_the_standard_normal():
    prior, z = layers.RealNVP(), normal(4, 2, 3)
    expected = stats.norm.logpdf(z).sum(axis=(1, 2))
    prior.build(z.shape)
    np.testing.assert_allclose(prior.log_prob(z), expected, rtol=1e-6)
    np.testing.assert_array_equal(prior(z), z)


def with_gaussian_prior(importance_samples=1):
    """A `LinearGaussian` whose second latent is N(−2, ¼), and its exact log p(x).

    One coupling with constant outputs carries it to N(0, 1): u = 2 z + 4.
    """
    prior = layers.RealNVP(couplings=1, units=4)
    prior.build((None, D))
    gaussian = LinearGaussian(importance_samples, scale=1.2, prior=prior)
    *_, bias = prior.weights
    bias.assign([2 * np.arctanh(0.5 * np.log(2)), 4.0])
    mean = gaussian.b + np.array([0.0, -2.0]) @ gaussian.w
    covariance = gaussian.w.T @ np.diag([1, 0.25]) @ gaussian.w + np.eye(N)
    x = stats.multivariate_normal(mean, covariance, seed=5).rvs(6).astype("float32")
    return gaussian, x, stats.multivariate_normal(mean, covariance).logpdf(x)


@pytest.mark.slow
def test_log_likelihood_under_a_learned_prior():
    """Against the closed form, within standard errors of 20 estimates by other seeds.

    The bias of an estimate is half the square of its relative error.
    """
    gaussian, x, expected = with_gaussian_prior()
    estimates = [
        gaussian.model.log_likelihood(x, samples=4000, seed=seed) for seed in range(20)
    ]
    deviation = np.std(estimates, axis=0)
    assert (deviation < 0.1).all()
    error = 4 * deviation / np.sqrt(20) + deviation**2
    assert (np.abs(np.mean(estimates, axis=0) - expected) < error).all()


@pytest.mark.slow
def test_the_bounds_of_a_learned_prior():
    """ELBO, score and the bound of 4 draws, by SciPy with equal draws of z."""
    for k in (1, 4):
        gaussian, x, _ = with_gaussian_prior(k)
        x = np.repeat(x, 2000, axis=0)
        mean, deviation = (x - gaussian.b) @ gaussian.a, np.exp(gaussian.log_var / 2)
        z = np.random.default_rng(3).normal(mean, deviation, (k, *mean.shape))
        log_weight = (
            stats.norm.logpdf(x, z @ gaussian.w + gaussian.b).sum(axis=-1)
            + stats.norm.logpdf(z, [0, -2], [1, 0.5]).sum(axis=-1)
            - stats.norm.logpdf(z, mean, deviation).sum(axis=-1)
        )
        bound = special.logsumexp(log_weight, axis=0) - np.log(k)
        gaussian.model.compile()
        logs = gaussian.model.evaluate(
            x, batch_size=len(x), verbose=0, return_dict=True
        )
        error = np.sqrt(bound.reshape(6, -1).var(axis=1).mean() / len(x))
        assert abs(logs["loss"] + CONSTANT + bound.mean()) < 4 * np.sqrt(2) * error
        if k == 1:
            score = gaussian.model.score(x).mean()
            assert abs(score + CONSTANT + bound.mean()) < 4 * np.sqrt(2) * error
        assert error < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("k", [1, 3])
def test_the_gradient_of_a_learned_prior(k):
    """Compared with central differences of the loss, with equal draws."""
    gaussian = LinearGaussian(k, scale=1.3, beta=0.7, prior=trained_prior(D))
    model, prior = gaussian.model, gaussian.model.prior
    start = [weight.numpy() for weight in prior.weights]
    direction = [0.1 * normal(*w.shape, seed=s) for s, w in enumerate(start)]

    def loss(step):
        for weight, value, change in zip(prior.weights, start, direction, strict=True):
            weight.assign(value + step * change)
        model.compile(keras.optimizers.SGD(1.0))
        # The mean over many draws, so that float32 resolves the difference.
        x = repeated(gaussian, 500)
        return model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)["loss"]

    expected = (loss(0.05) - loss(-0.05)) / 0.1
    loss(0.0)
    model._training_seeds.state.assign([model.seed, 0])  # where evaluation begins
    x = repeated(gaussian, 500)
    model.fit(x, batch_size=len(x), shuffle=False, verbose=0)
    gradient = [a - b.numpy() for a, b in zip(start, prior.weights, strict=True)]
    slope = sum((g * c).sum() for g, c in zip(gradient, direction, strict=True))
    assert abs(expected) > 0.01
    assert slope == pytest.approx(expected, rel=0.01)


def test_samples_come_from_the_learned_prior():
    gaussian, _, _ = with_gaussian_prior()
    samples = gaussian.model.sample(4000, seed=1)
    z = np.linalg.lstsq(gaussian.w.T, (samples - gaussian.b).T, rcond=None)[0].T
    # Standard errors of mean and deviation: σ/√n and σ/√2n.
    np.testing.assert_allclose(z.mean(axis=0), [0, -2], atol=4 / np.sqrt(4000))
    np.testing.assert_allclose(z.std(axis=0), [1, 0.5], atol=4 / np.sqrt(8000))


@pytest.mark.slow
def test_a_prior_learns_the_aggregate_posterior():
    """With encoder and decoder frozen, only the prior can lower the KL."""
    prior = layers.RealNVP(couplings=2, units=8)
    gaussian = LinearGaussian(prior=prior)
    model, x = gaussian.model, repeated(gaussian, 50)
    for weight in model.weights:
        if "mean/bias" in weight.path:  # codes about (3, 3) away from N(0, I)
            weight.assign_add([3.0] * D)
    model.encoder.trainable = model.decoder.trainable = False
    model._mean_head.trainable = model._log_var_head.trainable = False
    model.compile(keras.optimizers.Adam(0.03))
    kl = model.fit(x, epochs=20, batch_size=100, verbose=0).history["kl"]
    assert kl[-1] < 0.5 * kl[0]


@pytest.mark.slow
@pytest.mark.parametrize("samples", [1, 49, 50, 51, 130])
def test_log_likelihood_counts_its_samples(samples):
    """With q the prior and W = 0, every weight is p(x) itself, at any k."""
    gaussian = LinearGaussian()
    for weight in gaussian.model.weights:
        weight.assign(tf.zeros_like(weight))
    expected = stats.norm.logpdf(gaussian.x).sum(axis=1)
    estimate = gaussian.model.log_likelihood(gaussian.x, samples=samples)
    np.testing.assert_allclose(estimate, expected, rtol=1e-5)


def test_the_training_loss_is_the_importance_weighted_bound():
    """Against SciPy's bound over its own draws, within standard errors of both."""
    k, times = 4, 3000
    gaussian = LinearGaussian(importance_samples=k, scale=1.3)
    gaussian.model.compile()
    x = repeated(gaussian, times)
    loss = gaussian.model.evaluate(x, batch_size=len(x), verbose=0, return_dict=True)
    draws = gaussian.log_weights(k * times).reshape(k, times, 6)
    bound = special.logsumexp(draws, axis=0) - np.log(k)  # (times, batch)
    error = np.sqrt(bound.var(axis=0).mean() / times / 6)
    assert error < 0.02
    expected = -bound.mean() - CONSTANT
    assert abs(loss["loss"] - expected) < 4 * np.sqrt(2) * error


@pytest.mark.slow
def test_the_importance_weighted_gradient():
    """∂/∂b of the bound is Σᵢ w̃ᵢ (x − W zᵢ − b), by NumPy, within standard errors."""
    k, times = 4, 3000
    gaussian = LinearGaussian(importance_samples=k, scale=1.3)
    model = gaussian.model
    model.compile(keras.optimizers.SGD(1.0))
    x = repeated(gaussian, times)
    model.fit(x, batch_size=len(x), verbose=0)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    gradient = gaussian.b - model.decoder.get_weights()[1]
    mean, deviation = (x - gaussian.b) @ gaussian.a, np.exp(gaussian.log_var / 2)
    z = np.random.default_rng(4).normal(mean, deviation, (k, *mean.shape))
    residual = x - z @ gaussian.w - gaussian.b  # (k, batch, n)
    log_weight = (
        -0.5 * (residual**2).sum(-1)
        - 0.5 * (z**2).sum(-1)
        + 0.5 * (((z - mean) / deviation) ** 2).sum(-1)
    )
    share = special.softmax(log_weight, axis=0)[..., None]
    each = -(share * residual).sum(axis=0)  # (batch, n)
    error = each.reshape(6, times, N).std(axis=1).mean(axis=0) / np.sqrt(6 * times)
    assert (np.abs(gradient - each.mean(axis=0)) < 4 * np.sqrt(2) * error).all()
    assert (error < 0.01).all()


def head_gradients(gaussian, x, batch_size):
    """Gradients of the biases of μ and log σ², from a step of SGD at rate 1."""
    model = gaussian.model
    model.compile(keras.optimizers.SGD(1.0))

    def biases():
        return [
            weight.numpy().copy()
            for head in ("mean/bias", "log_var/bias")
            for weight in model.weights
            if head in weight.path
        ]

    before = biases()
    model.fit(x, batch_size=batch_size, verbose=0)
    return [a - b for a, b in zip(before, biases(), strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("beta", [0.5, 1.0, 1.5])
def test_the_doubly_reparameterized_gradient_is_that_of_the_bound(beta):
    """Against NumPy's plain estimator, E Σᵢ w̃ᵢ d log wᵢ, within standard errors.

    That one has the greater variance here, so its error stands for both.
    """
    k, times, shift = 4, 6000, 0.5
    gaussian = LinearGaussian(importance_samples=k, scale=1.3, beta=beta)
    for weight in gaussian.model.weights:
        if "mean/bias" in weight.path:  # or there would be little to gain
            weight.assign_add([shift] * D)
    x = repeated(gaussian, times)
    mean = (x - gaussian.b) @ gaussian.a + shift
    deviation = np.exp(gaussian.log_var / 2)
    noise = np.random.default_rng(4).normal(size=(k, *mean.shape))
    z = mean + deviation * noise
    residual = x - z @ gaussian.w - gaussian.b  # (k, batch, n)
    log_weight = -0.5 * (residual**2).sum(-1) + 0.5 * beta * (
        (noise**2).sum(-1) - (z**2).sum(-1)
    )
    share = special.softmax(log_weight, axis=0)[..., None]
    of_z = residual @ gaussian.w.T - beta * z
    of_log_var = 0.5 * (of_z * deviation * noise + beta)
    measured = head_gradients(gaussian, x, len(x))
    for gradient, each in zip(measured, (of_z, of_log_var), strict=True):
        each = -(share * each).sum(axis=0).reshape(6, times, D)
        error = each.std(axis=1).mean(axis=0) / np.sqrt(6 * times)
        expected = each.mean(axis=(0, 1))
        assert (np.abs(expected) > 10 * error).any()
        assert (np.abs(gradient - expected) < 4 * np.sqrt(2) * error).all()


@pytest.mark.slow
def test_the_importance_weighted_gradient_of_a_true_posterior_vanishes():
    """All weights are p(x) then, whatever is drawn; W of orthogonal rows makes q true.

    The plain estimator would leave the noise of a single draw, of order 1.
    """
    w = np.zeros((D, N), "float32")
    w[0, 0], w[1, 1] = 2.0, -0.5
    gaussian = LinearGaussian(importance_samples=3, w=w)
    for gradient in head_gradients(gaussian, gaussian.x[:1], 1):
        np.testing.assert_allclose(gradient, 0, atol=1e-5)


@pytest.fixture(scope="module")
def variational():
    keras.utils.set_random_seed(0)
    return ae_zoo.VariationalAutoencoder(
        networks.dense_encoder((8, 8, 1), [9], latent_activation="tanh"),
        networks.dense_decoder(3, [9], (8, 8, 1)),
    )


def test_samples_repeat_with_their_seed(variational):
    sample = variational.sample(5, seed=1)
    assert sample.shape == (5, 8, 8, 1)
    np.testing.assert_array_equal(sample, variational.sample(5, seed=1))
    assert np.abs(sample - variational.sample(5, seed=2)).max() > 1e-3
    assert np.abs(variational.sample(5) - variational.sample(5)).max() > 1e-3


def test_samples_are_decoded_draws_of_the_prior():
    """p(x̂) = N(b, W Wᵀ): means and variances of 20,000, within five standard errors."""
    gaussian = LinearGaussian()
    draws, n = gaussian.model.sample(20_000, seed=0), 20_000
    variance = (gaussian.w**2).sum(axis=0)
    mean_error = np.sqrt(variance / n)
    assert (np.abs(draws.mean(axis=0) - gaussian.b) < 5 * mean_error).all()
    variance_error = variance * np.sqrt(2 / n)
    assert (np.abs(draws.var(axis=0) - variance) < 5 * variance_error).all()


def test_scores_repeat_with_their_seed(variational, images):
    score = variational.score(images, seed=1)
    np.testing.assert_array_equal(score, variational.score(images, seed=1))
    assert np.abs(score - variational.score(images, seed=2)).max() > 1e-3


def test_interpolation_runs_between_the_reconstructions(variational, images):
    path = variational.interpolate(images[0], images[1], steps=5)
    ends = variational.reconstruct(images[:2])
    # The same decoder on another batch size: rounding only.
    np.testing.assert_allclose(path[0], ends[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(path[-1], ends[1], rtol=1e-5, atol=1e-6)
    middle = variational.decode(
        tf.reduce_mean(variational.encode(images[:2]), axis=0, keepdims=True)
    )
    np.testing.assert_allclose(path[2], middle[0], rtol=1e-5, atol=1e-6)


def test_interpolation_in_mixed_precision(images):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = ae_zoo.VariationalAutoencoder(
            networks.dense_encoder(images.shape[1:], [8], "tanh", "tanh"),
            networks.dense_decoder(3, [8], images.shape[1:], "tanh"),
        )
    finally:
        keras.config.set_dtype_policy("float32")
    path = model.interpolate(images[0], images[1], steps=3)
    assert path.shape == (3, *images.shape[1:])
