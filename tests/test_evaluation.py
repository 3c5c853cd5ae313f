"""Protocols against values derived by hand and independent implementations."""

import dataclasses
import math
import re

import keras
import numpy as np
import pytest
import scipy.integrate
import scipy.linalg
import scipy.ndimage
import scipy.signal
import scipy.sparse
import sklearn.metrics
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import ae_zoo
from ae_zoo import evaluation, layers, losses, models, networks
from ae_zoo.data import source
from ae_zoo.evaluation import Split, Splits
from ae_zoo.evaluation.photographs import _wiener as wiener
from ae_zoo.evaluation.protocol import without_repeats


class Stub:
    """A model that shrinks its input by a factor and encodes it as its first pixels."""

    latent_dim = 2
    reconstruction_loss = losses.Gaussian()

    def __init__(self, factor=0.5):
        self.factor = factor

    def reconstruct(self, x):
        return _Tensor(self.factor * np.asarray(x))

    def encode(self, x):
        return _Tensor(np.asarray(x).reshape(len(x), -1)[:, : self.latent_dim])

    def score(self, x):
        return _Tensor(0.5 * np.square(x).reshape(len(x), -1).sum(axis=1))

    def sample(self, n, seed):
        return np.zeros((n, 4, 3, 1), "float32")


class _Tensor(np.ndarray):
    def __new__(cls, values):
        return np.asarray(values).view(cls)

    def numpy(self):
        return np.asarray(self)


class Blur(Stub):
    """Replaces each pixel by the mean of 3×3."""

    def reconstruct(self, x):
        return scipy.ndimage.uniform_filter(x, (1, 3, 3, 1))


class GrayToColor(Stub):
    """Returns the gray image times a factor in each of three channels."""

    def reconstruct(self, x):
        return _Tensor(np.repeat(self.factor * np.asarray(x), 3, axis=-1))


def split(train, test, validation=None):
    """`Splits` of arrays, or of pairs (x, labels)."""
    parts = (train, test if validation is None else validation, test)
    return Splits(
        *(Split(*part) if isinstance(part, tuple) else Split(part) for part in parts)
    )


@pytest.fixture
def images():
    return np.random.default_rng(0).random((300, 4, 3, 1), dtype="float32")


@pytest.fixture
def photographs():
    """Ten smooth color images, large enough for structural similarity."""
    random = np.random.default_rng(1)
    coarse = random.random((10, 2, 2, 3), dtype="float32")
    return np.repeat(np.repeat(coarse, 8, axis=1), 6, axis=2)


def test_squared_error_and_its_pca_baseline(images):
    train, test = images[:200], images[200:]
    (row,) = evaluation.SquaredError(published=1.0, source="paper")(
        Stub(), split(train, test)
    )
    assert row.value == pytest.approx(
        0.25 * np.square(test).sum() / len(test), rel=1e-6
    )
    flat_train, flat_test = train.reshape(200, -1), test.reshape(100, -1)
    fitted = PCA(2, svd_solver="full").fit(flat_train)
    back = fitted.inverse_transform(fitted.transform(flat_test))
    # Two solvers of one eigenvalue problem in float32.
    expected = np.square(back - flat_test).sum(axis=1).mean()
    assert row.baseline == pytest.approx(expected, rel=1e-4)
    assert (row.published, row.source) == (1.0, "paper")


def test_pca_of_fewer_samples_than_inputs():
    x = np.random.default_rng(0).random((5, 8), dtype="float32")
    # Five points span four directions about their mean.
    np.testing.assert_allclose(evaluation.pca(x, x, 4), x, atol=1e-5)


def test_binary_cross_entropy_agrees_with_scikit_learn():
    target = np.array([0, 1, 1, 0])
    probability = np.array([0.2, 0.9, 0.6, 0.01])
    assert evaluation.binary_cross_entropy(target, probability) == pytest.approx(
        sklearn.metrics.log_loss(target, probability)
    )


def test_cross_entropy_floor_is_the_entropy(images):
    (row,) = evaluation.CrossEntropy()(Stub(1.0), split(images, images))
    assert row.value == row.baseline
    p = images.astype("float64")
    entropy = -np.mean(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert row.baseline == pytest.approx(entropy, rel=1e-6)


def test_both_peak_snrs_by_hand():
    target = np.zeros((2, 4))
    image = np.stack([np.full(4, 0.1), np.full(4, 0.001)])  # 20 dB and 60 dB
    assert evaluation.mean_peak_snr(target, image) == pytest.approx(40)
    mean_error = (0.1**2 + 0.001**2) / 2
    assert evaluation.peak_snr(target, image) == pytest.approx(
        -10 * math.log10(mean_error)
    )


def test_mean_peak_snr_agrees_with_scikit_image(photographs):
    noisy = evaluation.add_noise(photographs, 0.2)
    expected = [
        peak_signal_noise_ratio(target, image, data_range=1)
        for target, image in zip(photographs, noisy, strict=True)
    ]
    received = evaluation.mean_peak_snr(photographs, noisy)
    assert received == pytest.approx(np.mean(expected), rel=1e-6)


def test_structural_similarity_agrees_with_scikit_image(photographs):
    noisy = evaluation.add_noise(photographs, 0.2)
    expected = [
        structural_similarity(
            target,
            image,
            data_range=1,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        for target, image in zip(photographs, noisy, strict=True)
    ]
    received = evaluation.structural_similarity(photographs, noisy)
    # float32 against float64, where variances are differences of squares.
    assert received == pytest.approx(np.mean(expected), rel=1e-4)
    assert evaluation.structural_similarity(photographs, photographs) == 1


def test_structural_similarity_needs_eleven_pixels(images):
    with pytest.raises(ValueError, match="11×11"):
        evaluation.structural_similarity(images, images)


def test_image_quality_beside_pca(photographs, images):
    grays = photographs[..., :1]
    rows = evaluation.ImageQuality()(Stub(0.9), split(grays, grays))
    assert [row.metric for row in rows] == [
        "PSNR, dB",
        "mean PSNR of each image, dB",
        "SSIM",
    ]
    assert rows[0].value == pytest.approx(evaluation.peak_snr(grays, 0.9 * grays))
    back = evaluation.pca(grays, grays, 2)
    assert rows[0].baseline == pytest.approx(evaluation.peak_snr(grays, back))
    assert rows[2].baseline < rows[2].value < 1
    assert {row.baseline_name for row in rows} == {"PCA, 2 components"}
    too_small = evaluation.ImageQuality()(Stub(), split(images, images))
    assert len(too_small) == 2


def test_normalized_squared_error_by_hand():
    target = np.array([[3.0, 4.0], [0.0, 0.0]])
    image = np.array([[3.0, 3.0], [0.0, 2.0]])
    received = evaluation.normalized_squared_error(target, image)
    assert received == pytest.approx((1 + 4) / 25)


def linear_model(kernel):
    """A linear autoencoder of vectors whose decoder is x̂ = Kᵀz + 1."""
    d, n = kernel.shape
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((n,), [d]),
        networks.dense_decoder(d, [], (n,), output="linear"),
        reconstruction_loss="gaussian",
    )
    model.decoder.set_weights([kernel, np.ones(n)])
    return model


def test_principal_angle_by_hand():
    random = np.random.default_rng(0)
    # Nearly all variance lies along the first two axes of four.
    train = random.normal(size=(500, 4)) * [5, 4, 0.1, 0.1]
    fitted = PCA(2).fit(train).components_
    turned = fitted.copy()
    outside = scipy.linalg.null_space(fitted)[:, 0]
    angle = math.radians(30)
    turned[0] = math.cos(angle) * fitted[0] + math.sin(angle) * outside
    mixed = np.array([[2.0, 1.0], [-1.0, 3.0]]) @ turned  # spans the same plane
    model = linear_model(mixed.astype("float32"))
    (row,) = evaluation.PrincipalAngles()(model, split(train.astype("float32"), train))
    assert row.value == pytest.approx(30, abs=0.01)


def test_principal_angles_are_of_linear_decoders():
    x = np.random.default_rng(0).random((50, 6), dtype="float32")
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((6,), [2]), networks.dense_decoder(2, [5], (6,))
    )
    with pytest.raises(ValueError, match="not linear"):
        evaluation.PrincipalAngles()(model, split(x, x))


def test_noise_is_the_same_every_time_and_of_the_given_strength():
    gray = np.full((2000, 5, 5, 1), 0.5, "float32")
    noisy = evaluation.add_noise(gray, 0.05)
    np.testing.assert_array_equal(noisy, evaluation.add_noise(gray, 0.05))
    # 50,000 draws that clipping never touches: standard error 0.05 / √100,000.
    assert noisy.std() == pytest.approx(0.05, abs=4 * 0.05 / math.sqrt(100_000))
    first, second = noisy[:1000], noisy[1000:]
    assert np.any(first != second)


def test_clipped_moments_by_integration():
    x, stddev = np.array([0.0, 0.3, 0.9]), 0.4
    noise = np.linspace(-8, 8, 200_001)
    density = np.exp(-(noise**2) / 2) / math.sqrt(2 * math.pi)
    clipped = np.clip(x[:, None] + stddev * noise, 0, 1)
    expected = [
        scipy.integrate.trapezoid(clipped**power * density, noise) for power in (1, 2)
    ]
    received = evaluation.baselines._clipped_moments(x, stddev)
    # The error of the trapezoid rule at the kinks is about its step squared.
    np.testing.assert_allclose(received, expected, atol=1e-8)


def test_linear_denoiser_is_least_squares(images):
    """The limit of a regression on many draws of noise."""
    train, test = images[:200], images[200:]
    repeated = np.tile(train, (500, 1, 1, 1))
    random = np.random.default_rng(0)
    noise = 0.3 * random.normal(size=repeated.shape)
    noisy = np.clip(repeated + noise, 0, 1).reshape(len(repeated), -1)
    design = np.c_[noisy, np.ones(len(noisy))]
    targets = repeated.reshape(len(repeated), -1)
    weights = np.linalg.lstsq(design, targets, rcond=None)[0]
    noisy_test = evaluation.add_noise(test, 0.3)
    expected = np.clip(np.c_[noisy_test.reshape(100, -1), np.ones(100)] @ weights, 0, 1)
    received = evaluation.linear_denoiser(train, noisy_test, 0.3).reshape(100, -1)
    # 100,000 draws leave about 1/√100,000 on each weight, and twelve add up.
    np.testing.assert_allclose(received, expected, atol=0.02)
    # One draw alone, no more than 200 samples, is this much further away.
    few = np.linalg.lstsq(design[:200], targets[:200], rcond=None)[0]
    once = np.clip(np.c_[noisy_test.reshape(100, -1), np.ones(100)] @ few, 0, 1)
    assert np.abs(once - expected).max() > 0.1


def test_linear_denoiser_of_few_samples(images):
    """Fewer samples than pixels and more, twice each: the same problem."""
    few, test = images[:10], evaluation.add_noise(images[200:], 0.3)
    once = evaluation.linear_denoiser(few, test, 0.3)
    twice = evaluation.linear_denoiser(np.tile(few, (2, 1, 1, 1)), test, 0.3)
    # Two ways of solving it, in float64, and rounded to float32.
    np.testing.assert_allclose(once, twice, atol=1e-6)


def test_denoising_puts_each_number_beside_its_own(images):
    protocol = evaluation.Denoising(stddev=0.3, published=0.1, source="paper")
    bce, psnr, mean_psnr = protocol(Stub(1.0), split(images[:200], images[200:]))
    noisy = evaluation.add_noise(images[200:], 0.3)
    assert psnr.value == pytest.approx(evaluation.peak_snr(images[200:], noisy))
    expected = evaluation.mean_peak_snr(images[200:], noisy)
    assert mean_psnr.value == pytest.approx(expected)
    assert (bce.published, psnr.published) == (0.1, None)
    assert psnr.higher_is_better and not bce.higher_is_better
    psnr_first = evaluation.Denoising(stddev=0.3, headline_metric="psnr")
    rows = psnr_first(Stub(1.0), split(images[:200], images[200:]))
    assert [row.metric for row in rows[:2]] == [psnr.metric, bce.metric]


def test_noise_levels_are_those_of_denoising(images):
    data = split(images[:200], images[200:])
    weak, strong = evaluation.NoiseLevels(stddevs=(0.1, 0.3))(Stub(1.0), data)
    _, psnr, *_ = evaluation.Denoising(stddev=0.3)(Stub(1.0), data)
    assert strong == psnr
    assert weak.value > strong.value and weak.baseline > strong.baseline
    for wrong in ((), 0.3):
        with pytest.raises((TypeError, ValueError), match="stddevs. must be a tuple"):
            evaluation.NoiseLevels(stddevs=wrong)


def test_denoising_stands_beside_the_best_baseline(photographs):
    train, test = photographs[:7], photographs[7:]
    both = ("linear denoiser", "non-local means")
    protocol = evaluation.Denoising(stddev=0.1, baselines=both)
    bce, psnr, *_ = protocol(Stub(1.0), split(train, test))
    noisy = evaluation.add_noise(test, 0.1)
    denoised = evaluation.non_local_means(train, noisy, 0.1)
    # Non-local means is made for repeated flat patches.
    assert psnr.baseline_name == "non-local means"
    assert psnr.baseline == pytest.approx(evaluation.peak_snr(test, denoised))
    assert psnr.baseline > psnr.value + 3


def test_denoising_names_its_baselines():
    with pytest.raises(ValueError, match="'non-local means'"):
        evaluation.Denoising(baselines=("bm3d",))


def test_colorizing_and_its_gray_baseline(photographs):
    test = np.ones_like(photographs) * [1.0, 0.5, 0.0]
    gray = 0.2989 * 1.0 + 0.587 * 0.5  # the weights of ITU-R BT.601
    protocol = evaluation.Colorizing(published=0.0464, source="paper")
    error, psnr, mean_psnr, ssim = protocol(
        GrayToColor(0.5), split(photographs, test.astype("float32"))
    )
    expected = np.abs([1 - gray / 2, 0.5 - gray / 2, gray / 2]).mean()
    # TensorFlow's weights have four digits.
    assert error.value == pytest.approx(expected, abs=1e-4)
    copied = np.array([1 - gray, 0.5 - gray, gray])
    assert error.baseline == pytest.approx(np.abs(copied).mean(), abs=1e-4)
    expected = -10 * math.log10(np.square(copied).mean())
    # All images are equal, so the two definitions agree.
    assert psnr.baseline == pytest.approx(expected, abs=1e-3)
    assert mean_psnr.baseline == pytest.approx(psnr.baseline)
    assert error.published == 0.0464 and psnr.published is None
    assert {row.baseline_name for row in (error, psnr, ssim)} == {"gray copied"}


def test_sparsity_counts_active_and_dead_units():
    x = np.zeros((4, 2, 1, 1), "float32")
    x[:3, 0] = 1  # the first unit is active for three of four, the second never
    active, dead, error = evaluation.Sparsity()(Stub(), split(x, x))
    assert active.value == 0.75
    assert dead.value == 50
    assert error.value == 0.25


def test_sparsity_counts_all_units_of_a_code_with_axes():
    class Maps(Stub):
        latent_dim = 8

        def encode(self, x):
            return _Tensor(np.asarray(x).reshape(len(x), 2, 2, 2))

    x = np.zeros((4, 8), "float32")
    x[:, :3] = 1
    active, dead, _ = evaluation.Sparsity()(Maps(), split(x, x))
    assert active.value == 3
    assert dead.value == 100 * 5 / 8


def test_active_units_vary_with_the_input(images):
    constant = images.copy()
    constant[:, 0, 0] = 0.5
    assert evaluation.active_units(Stub(), images) == 2
    assert evaluation.active_units(Stub(), constant) == 1


@pytest.mark.slow
def test_active_units_are_counted_under_the_standard_normal_alone(images):
    """With a learned prior, the scale of a code, and so a threshold, means nothing."""
    for prior, names in (
        (None, ["NLL (5 samples), nats", "negative ELBO, nats", "active units"]),
        (layers.RealNVP(1, 4), ["NLL (5 samples), nats", "negative ELBO, nats"]),
    ):
        model = ae_zoo.VariationalAutoencoder(
            networks.dense_encoder(images.shape[1:], [4]),
            networks.dense_decoder(2, [], images.shape[1:]),
            prior=prior,
        )
        rows = evaluation.Likelihood(samples=5)(model, split(images, images))
        assert [row.metric for row in rows] == names


def contractive(units, latent_activation="sigmoid"):
    encoder = networks.dense_encoder((3,), units, "tanh", latent_activation)
    return ae_zoo.ContractiveAutoencoder(encoder, "tied")


@pytest.mark.parametrize("units", [[4], [5, 4]])
def test_jacobian_norm_by_finite_differences(units):
    model = contractive(units)
    x = np.random.default_rng(0).random((7, 3), dtype="float32")
    step = 1e-2
    columns = [
        (model.encode(x + d) - model.encode(x - d)) / (2 * step)
        for d in step * np.eye(3, dtype="float32")
    ]
    expected = np.sqrt(np.square(columns).sum(axis=(0, 2)))
    # Central differences are off by step²; float32 by 1e-7 / step.
    received = evaluation.jacobian_norm(model, x)
    np.testing.assert_allclose(received, expected, rtol=2e-3)


def test_contraction_and_its_twin():
    x = np.zeros((5, 3), "float32")
    model = contractive([4])
    model.encoder.set_weights([np.ones((3, 4)), np.array([0.0, 0.0, 10.0, -10.0])])
    norm, saturated = evaluation.Contraction()(model, split(x, x))
    assert saturated.value == 50
    # σ' is 1/4 for two units and σ(10)σ(−10) for two; each column of W has norm √3.
    flat_slope = 1 / (2 + math.exp(10) + math.exp(-10))
    expected = math.sqrt(2 * 3 * (1 / 16 + flat_slope**2))
    assert norm.value == pytest.approx(expected, rel=1e-5)
    assert norm.baseline is None


@pytest.mark.slow
def test_contraction_beside_a_twin_without_the_penalty():
    x = ae_zoo.data.arrays("digits", "train")[:300]
    encoder = networks.dense_encoder((8, 8, 1), [30], latent_activation="sigmoid")
    model = ae_zoo.ContractiveAutoencoder(encoder, "tied", penalty_weight=1.0)
    keras.utils.set_random_seed(0)
    # The protocol's own way of training, with the penalty.
    twin = ae_zoo.ContractiveAutoencoder.from_config(model.get_config())
    schedule = keras.optimizers.schedules.CosineDecay(0.01, 10 * 20)
    twin.compile(keras.optimizers.Adam(schedule))
    twin.fit(x, batch_size=30, epochs=20, verbose=0)
    before = [weight.copy() for weight in twin.get_weights()]
    settings = {"batch_size": 30, "learning_rate": 0.01}
    protocol = evaluation.Contraction(twin_epochs=20, **settings)
    norm, saturated = protocol(twin, split(x, x))
    assert norm.baseline > 1.5 * norm.value
    assert norm.baseline_name == saturated.baseline_name == "no penalty"
    assert protocol(twin, split(x, x))[0].baseline == norm.baseline
    for old, new in zip(before, twin.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert protocol.is_slow and not evaluation.Contraction().is_slow


def test_frechet_distance_agrees_with_the_matrix_square_root():
    random = np.random.default_rng(0)
    a = random.normal(size=(400, 5)) @ random.normal(size=(5, 5))
    b = random.normal(size=(300, 5)) @ random.normal(size=(5, 5)) + 1
    root = scipy.linalg.sqrtm(np.cov(a.T) @ np.cov(b.T)).real
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(
        np.cov(a.T) + np.cov(b.T) - 2 * root
    )
    assert evaluation.frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert evaluation.frechet_distance(a, a) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_of_constant_samples(images):
    train, test = images[:200], images[200:]
    protocol = evaluation.FrechetDistance(components=3)
    (row,) = protocol(Stub(), split(train, test))
    fitted = PCA(3, svd_solver="full").fit(train.reshape(200, -1))
    features = fitted.transform(test.reshape(100, -1))
    constant = fitted.transform(np.zeros((1, 12)))
    # Constant samples have no covariance: what is left is shift and variance.
    shift = np.square(features.mean(0) - constant).sum()
    expected = shift + features.var(axis=0, ddof=1).sum()
    assert row.value == pytest.approx(expected, rel=1e-4)  # PCA in float32
    assert row.baseline < row.value


@pytest.fixture
def two_classes():
    """Points (batch, 4), the first value carries the class and the others are noise."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 300)
    x = random.normal(size=(300, 4)) * [0.5, 1, 1, 1]
    x[:, 0] += labels
    x = x.astype("float32")
    rows = (slice(200), slice(200, 300), slice(200, 300))
    return Splits(*(Split(x[part], labels[part]) for part in rows))


def test_linear_probe_is_scikit_learns_regression(two_classes):
    protocol = evaluation.LinearProbe(inverse_regularizations=(0.1, 10.0))
    (row,) = protocol(Stub(), two_classes)

    def error(width):
        train, validation, test = (part.x[:, :width] for part in two_classes)
        scale = math.sqrt(np.square(train, dtype="float64").mean())
        fits = [
            LogisticRegression(C=c).fit(train / scale, two_classes.train.labels)
            for c in (0.1, 10.0)
        ]
        best = max(
            fits,
            key=lambda f: f.score(validation / scale, two_classes.validation.labels),
        )
        return 100 * np.mean(best.predict(test / scale) != two_classes.test.labels)

    assert row.value == pytest.approx(error(2))
    assert row.baseline == pytest.approx(error(4))
    assert 0 < row.value < 50


def test_linear_probe_chooses_on_validation(two_classes):
    """The C that fits validation wins, even where another is better on test."""
    turned = two_classes._replace(
        validation=Split(two_classes.validation.x, 1 - two_classes.validation.labels)
    )
    # So strong a regularization predicts nearly the same class for all.
    choices = (1e-9, 10.0)
    values = [
        evaluation.LinearProbe(inverse_regularizations=c)(Stub(), two_classes)[0].value
        for c in [(1e-9,), (10.0,)]
    ]
    assert values[0] > values[1]
    both = evaluation.LinearProbe(inverse_regularizations=choices)
    assert both(Stub(), turned)[0].value == values[0]
    assert both(Stub(), two_classes)[0].value == values[1]


def test_linear_probe_of_codes_that_are_mostly_zero():
    """A sparse matrix of the codes gives the same regression."""
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 400)
    x = random.normal(size=(400, 20)) + np.eye(3, 20)[labels]
    x = (x * (random.random((400, 20)) < 0.2)).astype("float32")
    stub = Stub()
    stub.latent_dim = 20
    splits = Splits(
        *(Split(x[rows], labels[rows]) for rows in np.split(np.arange(400), [200, 300]))
    )
    protocol = evaluation.LinearProbe(inverse_regularizations=(0.1,))
    (row,) = protocol(stub, splits)
    scale = math.sqrt(np.square(x[:200], dtype="float64").mean())
    fitted = LogisticRegression(C=0.1).fit(x[:200] / scale, labels[:200])
    guess = fitted.predict(x[300:] / scale)
    assert row.value == pytest.approx(100 * np.mean(guess != labels[300:]))
    compact = evaluation.classification._compact
    assert scipy.sparse.issparse(compact(x)) and compact(x + 1).shape == (400, 20)
    assert not scipy.sparse.issparse(compact(x + 1))


@pytest.mark.slow
def test_linear_probe_of_more_units_than_the_model_keeps(two_classes):
    encoder = networks.dense_encoder((4,), [8])
    model = models.SparseAutoencoder(encoder, "tied", sparsity="k", k=1)
    more = models.SparseAutoencoder(encoder, "tied", sparsity="k", k=3)
    protocol = evaluation.LinearProbe(inverse_regularizations=(1.0,))
    own, expected = (protocol(m, two_classes)[0] for m in (model, more))
    (row,) = dataclasses.replace(protocol, k=3)(model, two_classes)
    assert row.value == expected.value != own.value
    assert row.metric == "linear-probe error, 3 units kept, %"
    assert np.count_nonzero(model.encode(two_classes.test.x)[0]) == 1


def test_linear_probe_of_more_units_needs_a_k_sparse_model(two_classes):
    encoder = networks.dense_encoder((4,), [8])
    protocol = evaluation.LinearProbe(k=3)
    for model in (
        models.SparseAutoencoder(encoder, "tied", sparsity="l1"),
        models.ContractiveAutoencoder(encoder, "tied"),
    ):
        with pytest.raises(
            ValueError, match="leave k out. Received: a .* that keeps all its units"
        ):
            protocol(model, two_classes)
    model = models.SparseAutoencoder(encoder, "tied", sparsity="k", k=1)
    with pytest.raises(ValueError, match="the 8 units of the code. Received: 9"):
        evaluation.LinearProbe(k=9)(model, two_classes)


def test_linear_probe_may_stop_early(two_classes):
    """It gives another solution and no warning, which would be an error here."""
    settings = {"inverse_regularizations": (10.0,)}
    values = [
        evaluation.LinearProbe(iterations=i, **settings)(Stub(), two_classes)[0]
        for i in (1, 2000)
    ]
    assert values[0].baseline != values[1].baseline


@pytest.mark.slow
def test_fine_tuning_learns_and_leaves_the_model_alone(two_classes):
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((4,), [3]),
        networks.dense_decoder(3, [], (4,), output="linear"),
        reconstruction_loss="gaussian",
    )
    # The encoder drops the input that carries the class, so it must be trained.
    kernel = np.eye(4, 3, k=-1, dtype="float32")
    model.encoder.set_weights([kernel, np.zeros(3)])
    before = [weight.copy() for weight in model.get_weights()]
    protocol = evaluation.FineTuning(epochs=12, batch_size=20, learning_rate=0.03)
    (row,) = protocol(model, two_classes)
    # The best rule, x₀ > ½, errs on Φ(−1) = 16 % of the points.
    assert row.value < 25 and row.baseline < 25
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_fine_tuning_starts_from_the_weights_of_the_model(two_classes):
    """The classifier starts with the encoder's weights."""
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder((4,), [4]), "tied", sparsity="k", k=1
    )
    classifier = evaluation.classification._classifier(model, model.get_weights(), 2)
    x = two_classes.test.x
    code = model.encode(x)
    head = classifier.layers[-1]
    logits = code @ head.kernel.numpy() + head.bias.numpy()
    expected = keras.ops.softmax(logits)
    np.testing.assert_allclose(classifier(x), expected, rtol=1e-5)


@pytest.mark.slow
def test_fine_tuning_with_dropout_and_augmentation(two_classes):
    """Model and baseline are augmented, the metric says so, and the seed repeats it."""
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((4,), [3]),
        networks.dense_decoder(3, [], (4,), output="linear"),
        reconstruction_loss="gaussian",
    )
    shapes = []

    def swap(x, seed):
        """Swaps the two classes."""
        shapes.append((tuple(x.shape[1:]), tuple(seed.shape)))
        return 1 - x

    settings = {"epochs": 12, "batch_size": 20, "learning_rate": 0.03}
    (row,) = evaluation.FineTuning(augment=swap, **settings)(model, two_classes)
    assert row.metric == "fine-tuned error, augmented, %"
    assert shapes == [((4,), (2,))] * 2
    # The best rule errs on 16 % of the points; this one can only be unlearned, which
    # the choice of an epoch on validation, which nothing swaps, softens.
    assert row.value > 40 and row.baseline > 40

    dropped = evaluation.FineTuning(dropout=(0.1, 0.3), **settings)
    values = [dropped(model, two_classes)[0] for _ in range(2)]
    assert values[0] == values[1] and values[0].metric == "fine-tuned error, %"
    classifier = evaluation.classification._classifier(model, None, 2, (0.1, 0.3))
    rates = [
        layer.rate
        for layer in classifier.layers
        if isinstance(layer, keras.layers.Dropout)
    ]
    assert rates == [0.1, 0.3]


def test_fine_tuning_draws_new_augmentation_for_each_batch(two_classes):
    """Each batch of each epoch has a seed of its own, the same in each run."""

    def seeds_of_a_run():
        protocol = evaluation.FineTuning(
            augment=lambda x, seed: 0 * x + keras.ops.cast(seed[0], "float32"),
            batch_size=50,
        )
        batches = protocol._batches(two_classes.train)
        return [float(x[0, 0]) for _ in range(2) for x, _ in batches]

    seeds = seeds_of_a_run()
    assert len(set(seeds)) == len(seeds) == 2 * 4
    assert seeds == seeds_of_a_run()


@pytest.mark.slow
def test_quick_evaluation_leaves_out_what_trains_networks():
    model = ae_zoo.load("undercomplete_digits")
    splits = evaluation.read_splits(source("digits"))
    protocols = [evaluation.SquaredError(), evaluation.FineTuning(epochs=1)]
    quick = evaluation.evaluate(model, protocols, splits, quick=True)
    assert [row.metric for row in quick] == ["squared error"]
    whole = evaluation.evaluate(model, protocols, splits)
    assert [row.metric for row in whole] == ["squared error", "fine-tuned error, %"]


def test_what_two_protocols_measure_is_listed_once():
    model = ae_zoo.load("denoising_digits")
    splits = evaluation.read_splits(source("digits"))
    denoising = evaluation.Denoising(stddev=0.5, published=0.3, source="a paper")
    levels = evaluation.NoiseLevels(stddevs=(0.5, 0.1))
    rows = evaluation.evaluate(model, [denoising, levels], splits)
    names = [row.metric for row in rows]
    assert len(set(names)) == len(names)
    assert names[-1] == "PSNR at noise 0.1, dB"
    assert rows[0].published == 0.3
    best = dataclasses.replace(rows[0], metric="PSNR", published=None)
    weaker = dataclasses.replace(best, baseline=0.0)
    assert without_repeats([best, weaker]) == [best]
    other = evaluation.AnomalyDetection(normal=(1,), headline_metric="ROC-AUC")
    again = dataclasses.replace(other, normal=(2,))
    with pytest.raises(ValueError, match="Two protocols .* 'ROC-AUC'"):
        evaluation.evaluate(model, [other, again], splits)


def test_splits_of_a_source_with_labels_and_of_one_without():
    digits = evaluation.read_splits(source("digits"), samples=7)
    assert [len(part.x) for part in digits] == [1297, 250, 7]
    x, labels = ae_zoo.data.arrays("digits", "test", labels=True)
    np.testing.assert_array_equal(digits.test.x, x[:7])
    np.testing.assert_array_equal(digits.test.labels, labels[:7])

    class Unlabeled(ae_zoo.data.Source):
        fingerprint = {}

        def stored(self, split):
            return np.full((3, 2), len(split), "float32"), np.zeros(3, "int64")

    counts = {"train": 3, "validation": 3, "test": 3}
    own = Unlabeled(name="unlabeled", shape=(2,), counts=counts)
    splits = evaluation.read_splits(own, samples=2)
    assert splits.validation.labels is None and splits.test.x.shape == (2, 2)
    assert splits.test.of_classes(None) is splits.test
    with pytest.raises(ValueError, match="without labels"):
        splits.test.of_classes([1])


@pytest.mark.parametrize("samples, expected", [(None, 200), (30, 30)])
def test_a_subset_is_the_headline_on_the_first_samples(samples, expected):
    x = np.random.default_rng(0).random((250, 6), dtype="float32")
    protocols = [evaluation.SquaredError(), evaluation.ImageQuality()]
    subset = evaluation.measure_subset(Stub(), protocols, split(x, x), samples)
    value = 0.25 * np.square(x[:expected]).sum() / expected
    assert subset == {
        "samples": expected,
        "metric": "squared error",
        "value": pytest.approx(value, rel=1e-6),
    }


@pytest.mark.parametrize(
    "protocol",
    [
        evaluation.SquaredError(),
        evaluation.ImageQuality(),
        evaluation.Denoising(headline_metric="psnr"),
    ],
    ids=lambda protocol: type(protocol).__name__,
)
def test_a_subset_is_measured_without_slow_baselines(protocol, monkeypatch):
    x = np.random.default_rng(0).random((9, 4, 4, 1), dtype="float32")
    splits = split(x, x)
    expected = protocol(Stub(), splits)[0]
    assert expected.baseline is not None

    def fail(*arguments):
        raise AssertionError("a baseline was fitted")

    monkeypatch.setattr(evaluation.reconstruction, "pca", fail)
    denoisers = evaluation.restoration._DENOISERS
    monkeypatch.setitem(denoisers, "linear denoiser", fail)
    subset = evaluation.measure_subset(Stub(), [protocol], splits)
    assert (subset["metric"], subset["value"]) == (expected.metric, expected.value)


def test_anomaly_detection_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.repeat([1, 1, 1, 2, 5], 40)
    x = (random.normal(size=(200, 6)) * labels[:, None]).astype("float32")
    rows = random.permutation(200)
    x, labels = x[rows], labels[rows]
    splits = split((x[:120], labels[:120]), (x[120:], labels[120:]))
    protocol = evaluation.AnomalyDetection(normal=(1,), quantile=0.9, published=0.9)
    f1, precision, recall, roc, pr, limit = protocol(Stub(), splits)

    scores = 0.5 * np.square(x).sum(axis=1)
    normal = np.sort(scores[:120][labels[:120] == 1])
    threshold = np.quantile(normal, 0.9)
    assert limit.value == pytest.approx(threshold)
    assert evaluation.threshold_of([dataclasses.asdict(limit)]) == limit.value
    truth, guess = labels[120:] != 1, scores[120:] > threshold
    hits, alarms, anomalies = (truth & guess).sum(), guess.sum(), truth.sum()
    assert precision.value == pytest.approx(hits / alarms)
    assert recall.value == pytest.approx(hits / anomalies)
    assert f1.value == pytest.approx(2 * hits / (alarms + anomalies))
    # The area is the chance that an anomaly scores above a normal sample.
    pairs = scores[120:][truth][:, None] > scores[120:][~truth][None]
    assert roc.value == pytest.approx(pairs.mean())
    expected = sklearn.metrics.average_precision_score(truth, scores[120:])
    assert pr.value == pytest.approx(expected)
    assert f1.published == 0.9 and "90 % of normal training" in f1.metric
    fitted = PCA(2).fit(x[:120][labels[:120] == 1])
    test = x[120:]
    error = test - fitted.inverse_transform(fitted.transform(test))
    expected = sklearn.metrics.roc_auc_score(truth, np.square(error).sum(axis=1))
    assert roc.baseline == pytest.approx(expected, abs=1e-3)


def test_detection_by_windows_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.repeat([0, 0, 0, 1], 50)
    x = (random.normal(size=(200, 4, 3)) * (1 + labels[:, None, None])).astype("f")
    x = x * np.array([1, 10, 0.1], "f") + 5
    rows = random.permutation(200)
    parts = [(x[r], labels[r]) for r in np.split(rows, [80, 130])]
    splits = split(parts[0], parts[2], parts[1])
    protocol = evaluation.WindowDetection(normal=(0,), quantile=0.8, components=2)
    f1, precision, recall, roc, pr, limit = protocol(Stub(), splits)

    normal = [values[known == 0] for values, known in parts]
    test, truth = parts[2]
    scores = 0.5 * np.square(test).sum(axis=(1, 2))
    threshold = np.quantile(0.5 * np.square(normal[1]).sum(axis=(1, 2)), 0.8)
    assert limit.value == pytest.approx(threshold)
    expected = sklearn.metrics.f1_score(truth, scores > threshold)
    assert f1.value == pytest.approx(expected)
    assert "80 % of held-out normal scores" in f1.metric

    scaler = StandardScaler().fit(normal[0].reshape(-1, 3))
    known, held_out, tested = (
        scaler.transform(values.reshape(-1, 3)).reshape(-1, 12)
        for values in (normal[0], normal[1], test)
    )
    fitted = PCA(2).fit(known)
    held_out, tested = (
        np.square(rows - fitted.inverse_transform(fitted.transform(rows))).sum(axis=1)
        for rows in (held_out, tested)
    )
    assert roc.baseline == pytest.approx(sklearn.metrics.roc_auc_score(truth, tested))
    guess = tested > np.quantile(held_out, 0.8)
    of_pca = sklearn.metrics.f1_score(truth, guess)
    every = sklearn.metrics.f1_score(truth, np.ones_like(truth))
    assert f1.baseline == pytest.approx(max(of_pca, every))
    assert f1.baseline_name == (
        f"PCA, 2 components; flagging every row {every:.4f}"
        if of_pca > every
        else f"flagging every row; PCA, 2 components {of_pca:.4f}"
    )


def test_detection_by_windows_needs_windows():
    x, labels = np.zeros((4, 3), "float32"), np.array([0, 1, 0, 1])
    with pytest.raises(ValueError, match="needs windows of shape"):
        evaluation.WindowDetection(normal=(0,))(Stub(), split((x, labels), (x, labels)))


@pytest.mark.parametrize("edges", [False, True])
def test_rows_within_alarms_are_those_of_a_loop(edges):
    alarms = np.random.default_rng(0).random(60) < 0.8
    window, rows = 4, 63
    expected = np.zeros(rows, bool)
    for row in range(rows):
        around = [start for start in range(60) if start <= row < start + window]
        expected[row] = all(alarms[start] for start in around)
    if not edges:  # the loop of SKAB's notebooks
        expected[:] = False
        for row in range(window - 1, len(alarms) - window + 1):
            expected[row] = np.all(alarms[row - window + 1 : row])
    found = evaluation.rows_within_alarms(alarms, window, edges)
    np.testing.assert_array_equal(found, expected)
    assert 0 < found.sum() < rows


def pages():
    """A dirty and a clean page, the second with four rows of padding."""
    random = np.random.default_rng(0)
    clean = np.ones((2, 30, 24, 1), "float32")
    clean[:, 5:20:4, 4:20] = 0.2
    dirty = clean * random.uniform(0.6, 0.9, (2, 1, 1, 1)).astype("float32")
    dirty[1, 26:] = clean[1, 26:] = 1
    return Split(dirty, None, clean)


class Whitening(Stub):
    """Returns a white page, and remembers the sizes of the pages."""

    input_shape = (None, None, None, 1)

    def __init__(self):
        super().__init__()
        self.heights = []

    def reconstruct(self, x):
        self.heights.append(x.shape[1])
        return np.full_like(x, 1.5)


def test_document_cleaning_leaves_out_the_padding():
    both = pages()
    model = Whitening()
    error, worst = evaluation.DocumentCleaning(published=0.02, source="paper")(
        model, Splits(both, both, both)
    )
    assert model.heights == [30, 26]
    clean = [both.target[0], both.target[1, :26]]
    dirty = [both.x[0], both.x[1, :26]]

    def pooled(outputs):
        flat = [
            np.concatenate([page.ravel() for page in part]) for part in (clean, outputs)
        ]
        return math.sqrt(sklearn.metrics.mean_squared_error(*flat))

    white = [np.ones_like(page) for page in clean]
    assert error.value == pytest.approx(pooled(white), rel=1e-6)
    assert (error.published, error.higher_is_better) == (0.02, False)
    assert f"page as it is {pooled(dirty):.4f}" in error.baseline_name
    each = [math.sqrt(np.square(1 - page).mean()) for page in clean]
    assert worst.value == pytest.approx(max(each), rel=1e-6)
    # Ink stays as dark as it was, and paper becomes white.
    expected = [np.where(page < 0.3, page, 1) for page in dirty]
    assert error.baseline == pytest.approx(pooled(expected), rel=1e-6)
    (quick, _) = evaluation.DocumentCleaning(pages=1).without_baselines()(
        model, Splits(both, both, both)
    )
    assert quick.baseline is None and quick.value == pytest.approx(each[0], rel=1e-6)


def test_document_cleaning_completes_pages_for_a_model_of_fixed_size():
    model = Whitening()
    model.input_shape = (None, 30, 24, 1)
    both = pages()
    evaluation.DocumentCleaning().without_baselines()(model, Splits(both, both, both))
    assert model.heights == [30, 30]


def test_document_cleaning_measures_files_that_take_tiles():
    class File:
        def reconstruct(self, x):
            return x

    both = pages()
    error, _ = evaluation.DocumentCleaning()(File(), Splits(both, both, both))
    assert f"page as it is {error.value:.4f}" in error.baseline_name


def test_document_cleaning_needs_pairs_of_pages():
    both = pages()._replace(target=None)
    with pytest.raises(ValueError, match="pairs of a dirty and a clean page"):
        evaluation.DocumentCleaning()(Whitening(), Splits(both, both, both))


def test_anomaly_detection_of_chosen_classes():
    x = np.array([[0.0], [0.1], [3.0], [0.2], [9.0]], "float32")
    labels = np.array([0, 0, 1, 0, 2])
    splits = split((x, labels), (x, labels))
    protocol = evaluation.AnomalyDetection(normal=(0,), anomalous=(1,), quantile=1.0)
    stub = Stub()
    stub.latent_dim = 1
    f1, *_ = protocol(stub, splits)
    assert (f1.value, f1.baseline) == (1, None)


def test_anomaly_detection_puts_first_what_the_paper_measured():
    x = np.array([[0.0], [1.0], [2.0], [3.0]], "float32")
    labels = np.array([0, 0, 1, 0])
    splits = split((x, labels), (x, labels))
    protocol = evaluation.AnomalyDetection(
        normal=(0,), headline_metric="ROC-AUC", published=0.9, source="a paper"
    )
    stub = Stub()
    stub.latent_dim = 1
    rows = protocol(stub, splits)
    assert [row.metric for row in rows[1:] if "F1" not in row.metric] == [
        "precision",
        "recall",
        "PR-AUC",
        "threshold of the score",
    ]
    # The anomaly scores above two of the three normal samples.
    assert (rows[0].metric, rows[0].value) == ("ROC-AUC", pytest.approx(2 / 3))
    assert [row.published for row in rows] == [0.9, *[None] * 5]
    with pytest.raises(ValueError, match="'PR-AUC'.*Received: 'AUC'"):
        evaluation.AnomalyDetection(normal=(0,), headline_metric="AUC")


class PerLength(losses.Gaussian):
    def call(self, y_true, y_pred):
        return super().call(y_true, y_pred) / np.linalg.norm(y_true, axis=1)


@pytest.mark.parametrize(
    ("loss", "is_relative"),
    [(losses.Gaussian(), False), (PerLength(), True), (losses.Bernoulli(), False)],
)
def test_pca_is_scored_as_the_model_where_it_can_be(loss, is_relative):
    """PCA's reconstructions are no probabilities, so not by a loss of those."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], 100)
    x = random.random((200, 5)) * np.where(labels == 0, 1, 0.5)[:, None]
    x = x.astype("float32")
    stub = Stub()
    stub.reconstruction_loss = loss
    protocol = evaluation.AnomalyDetection(normal=(0,), headline_metric="ROC-AUC")
    roc, *_ = protocol(stub, split((x, labels), (x, labels)))
    pca = PCA(2).fit(x[:100])
    error = np.square(x - pca.inverse_transform(pca.transform(x))).sum(axis=1)
    scores = error / np.linalg.norm(x, axis=1) if is_relative else error
    expected = sklearn.metrics.roc_auc_score(labels, scores)
    assert roc.baseline == pytest.approx(expected, abs=1e-3)


def test_anomaly_detection_needs_both_kinds():
    x, labels = np.ones((4, 3), "float32"), np.array([1, 1, 2, 2])
    protocol = evaluation.AnomalyDetection(normal=(1,))
    with pytest.raises(ValueError, match="more test samples"):
        protocol(Stub(), split((x, labels), (x[:2], labels[:2])))


def test_measurements_are_plain_numbers():
    row = evaluation.Measurement("m", np.float32(1), baseline=np.int64(2))
    assert type(row.value) is float and type(row.baseline) is float


def test_a_protocol_must_be_callable():
    with pytest.raises(TypeError, match="__call__"):
        evaluation.Protocol()(None, None)


# Photographs


def pictures(count, channels=1):
    """Smooth images in [0, 1], of integers divided by 255."""
    noise = np.random.default_rng(5).random((count, 40, 48, channels))
    smooth = scipy.ndimage.gaussian_filter(noise, (0, 3, 3, 0))
    low, high = smooth.min(), smooth.max()
    levels = np.round(255 * (smooth - low) / (high - low))
    return (levels / 255).astype("float32")


def picture_splits(channels=1):
    return Splits(*(Split(pictures(3, channels)) for _ in range(3)))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("as_files", [False, True])
def test_photograph_denoising_agrees_with_scikit_image(as_files, channels):
    splits = picture_splits(channels)
    protocol = evaluation.PhotographDenoising(stddev=25, as_files=as_files)
    (row,) = protocol(Blur(), splits)
    clean = np.round(255 * splits.test.x.astype("float64"))
    # The same draws, in levels of 255 and in float64.
    noisy = clean + 25 * np.stack(
        [
            np.random.default_rng((2026, i)).standard_normal(image.shape, "float32")
            for i, image in enumerate(clean)
        ]
    )
    if as_files:
        noisy = np.clip(np.round(noisy), 0, 255)
    output = np.clip(scipy.ndimage.uniform_filter(noisy, (1, 3, 3, 1)), 0, 255)
    if as_files:
        output = np.round(output).astype("uint8").astype("float64")
    psnr = [
        peak_signal_noise_ratio(image, restored, data_range=255)
        for image, restored in zip(clean, output, strict=True)
    ]
    # float32; with rounding, a pixel in a thousand may round to the other side.
    assert row.value == pytest.approx(np.mean(psnr), abs=0.01 if as_files else 1e-4)
    assert ("8-bit" in row.metric) == as_files and "25 of 255" in row.metric
    assert row.higher_is_better


def test_photograph_denoising_shows_all_baselines():
    (row,) = evaluation.PhotographDenoising(stddev=25, published=28.57, source="BM3D")(
        Blur(), picture_splits()
    )
    assert row.published == 28.57
    names = ("noisy image", "Wiener filter", "non-local means")
    assert all(name in row.baseline_name for name in names)
    # Unclipped noise of 25 levels has 20 log10(255 / 25) = 20.17 dB; clipping helps.
    noisy = float(re.search(r"noisy image (\S+?)[,)]", row.baseline_name)[1])
    assert noisy == pytest.approx(20.17, abs=0.5)
    assert row.baseline > 25


def test_the_wiener_filter_agrees_with_scipy():
    image = pictures(1)
    noisy = evaluation.PhotographDenoising(stddev=20).noisy(image)
    known = 20 / 255
    received = wiener(noisy, known, 5)[0, 4:-4, 4:-4, 0]
    expected = scipy.signal.wiener(noisy[0, ..., 0].astype("float64"), 5, known**2)
    np.testing.assert_allclose(received, expected[4:-4, 4:-4], atol=1e-6)


def test_the_noise_of_a_photograph_depends_on_its_place_alone():
    images = pictures(3)
    noisy = evaluation.PhotographDenoising(stddev=10).noisy
    np.testing.assert_array_equal(noisy(images)[:2], noisy(images[:2]))
    twice = evaluation.PhotographDenoising(stddev=20).noisy(images)
    np.testing.assert_allclose(twice - images, 2 * (noisy(images) - images), atol=1e-6)
    first, second = noisy(images[:2]) - images[:2]
    assert not np.allclose(first, second)


def test_photograph_denoising_is_rehearsed_and_measured_without_baselines():
    splits = picture_splits()
    protocol = evaluation.PhotographDenoising()
    (whole,), (bare,) = (
        run(Blur(), splits) for run in (protocol, protocol.without_baselines())
    )
    assert bare.value == whole.value and bare.baseline is None
    (row,) = protocol.rehearsal()(Blur(), splits)
    assert row.metric == whole.metric


@pytest.mark.parametrize(
    "options, error", [({"stddev": 0}, ValueError), ({"as_files": 1}, TypeError)]
)
def test_photograph_denoising_checks_its_options(options, error):
    with pytest.raises(error, match=f"PhotographDenoising.{next(iter(options))}"):
        evaluation.PhotographDenoising(**options)
