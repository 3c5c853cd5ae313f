"""Protocols against values derived by hand and independent implementations."""

import math

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import log_loss

from ae_zoo import evaluation


class Stub:
    """A model that shrinks its input by a factor and codes it as the first pixels."""

    latent_dim = 2

    def __init__(self, factor=0.5):
        self.factor = factor

    def reconstruct(self, x):
        return _Tensor(self.factor * np.asarray(x))

    def encode(self, x):
        return _Tensor(np.asarray(x).reshape(len(x), -1)[:, : self.latent_dim])


class _Tensor(np.ndarray):
    def __new__(cls, values):
        return np.asarray(values).view(cls)

    def numpy(self):
        return np.asarray(self)


@pytest.fixture
def images():
    return np.random.default_rng(0).random((300, 4, 3, 1), dtype="float32")


def test_squared_error_and_its_pca_baseline(images):
    train, test = images[:200], images[200:]
    (row,) = evaluation.SquaredError(published=1.0, source="paper")(Stub(), train, test)
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


def test_binary_cross_entropy_agrees_with_scikit_learn():
    target = np.array([0, 1, 1, 0])
    probability = np.array([0.2, 0.9, 0.6, 0.01])
    assert evaluation.binary_cross_entropy(target, probability) == pytest.approx(
        log_loss(target, probability)
    )


def test_cross_entropy_floor_is_the_entropy(images):
    (row,) = evaluation.CrossEntropy()(Stub(1.0), images, images)
    assert row.value == row.baseline
    p = images.astype("float64")
    entropy = -np.mean(p * np.log(p) + (1 - p) * np.log(1 - p))
    assert row.baseline == pytest.approx(entropy, rel=1e-6)


def test_peak_snr_by_hand():
    assert evaluation.peak_snr(np.zeros(4), np.full(4, 0.1)) == pytest.approx(20)


def test_noise_is_the_same_every_time_and_as_strong_as_stated():
    grey = np.full((2000, 5, 5, 1), 0.5, "float32")
    noisy = evaluation.add_noise(grey, 0.05)
    np.testing.assert_array_equal(noisy, evaluation.add_noise(grey, 0.05))
    # 50,000 draws that clipping never touches: standard error 0.05 / √100,000.
    assert noisy.std() == pytest.approx(0.05, abs=4 * 0.05 / math.sqrt(100_000))
    first, second = noisy[:1000], noisy[1000:]
    assert np.any(first != second)


def test_linear_denoiser_is_least_squares(images):
    train, test = images[:200], images[200:]
    noisy_train = evaluation.add_noise(train, 0.3).reshape(200, -1)
    noisy_test = evaluation.add_noise(test, 0.3)
    design = np.c_[noisy_train, np.ones(200)]
    weights = np.linalg.lstsq(design, train.reshape(200, -1), rcond=None)[0]
    expected = np.clip(np.c_[noisy_test.reshape(100, -1), np.ones(100)] @ weights, 0, 1)
    received = evaluation.linear_denoiser(train, noisy_test, 0.3).reshape(100, -1)
    # The ridge, 1e-6 of each pixel's sample count, moves the solution by about that.
    np.testing.assert_allclose(received, expected, atol=1e-4)


def test_denoising_puts_each_number_beside_its_own(images):
    protocol = evaluation.Denoising(stddev=0.3, published=0.1, source="paper")
    bce, psnr = protocol(Stub(1.0), images[:200], images[200:])
    noisy = evaluation.add_noise(images[200:], 0.3)
    assert psnr.value == pytest.approx(evaluation.peak_snr(images[200:], noisy))
    assert (bce.published, psnr.published) == (0.1, None)
    assert psnr.higher_is_better and not bce.higher_is_better


def test_sparsity_counts_active_and_dead_units():
    x = np.zeros((4, 2, 1, 1), "float32")
    x[:3, 0] = 1  # the first unit is active for three of four, the second never
    active, dead = evaluation.Sparsity()(Stub(), x, x)
    assert active.value == 0.75
    assert dead.value == 50


def test_active_units_vary_with_the_input(images):
    constant = images.copy()
    constant[:, 0, 0] = 0.5
    assert evaluation.active_units(Stub(), images) == 2
    assert evaluation.active_units(Stub(), constant) == 1


def test_measurements_are_plain_numbers():
    row = evaluation.Measurement("m", np.float32(1), baseline=np.int64(2))
    assert type(row.value) is float and type(row.baseline) is float
