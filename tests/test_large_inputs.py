"""Endpoints read only a batch at once, so that data may be larger than memory."""

import numpy as np
import pytest

import ae_zoo
from ae_zoo import networks

ROWS = 20_000


class OnDisk:
    """A dataset of h5py: it is read in slices, and never as a whole."""

    chunks = True

    def __init__(self, values):
        self._values = values
        self.shape, self.dtype, self.ndim = values.shape, values.dtype, values.ndim
        self.largest = 0

    def __len__(self):
        return len(self._values)

    def __getitem__(self, rows):
        part = self._values[rows]
        self.largest = max(self.largest, len(part))
        return part

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("The whole dataset was read.")


@pytest.fixture(scope="module")
def model():
    return ae_zoo.VariationalAutoencoder(
        networks.dense_encoder((3,), [4]), networks.dense_decoder(2, [4], (3,)), seed=1
    )


CALLS = {
    "encode": lambda model, x: model.encode(x),
    "reconstruct": lambda model, x: model.reconstruct(x),
    "score": lambda model, x: model.score(x, seed=3),
    "log_likelihood": lambda model, x: model.log_likelihood(
        x, samples=2, batch_size=256
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_endpoints_read_slices(model, name, dtype, tmp_path):
    x = np.random.default_rng(0).random((ROWS, 3)).astype(dtype)
    expected = CALLS[name](model, x)
    on_disk = OnDisk(x)
    np.testing.assert_array_equal(CALLS[name](model, on_disk), expected)
    assert on_disk.largest < ROWS / 4
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(CALLS[name](model, mapped), expected)


def test_values_on_disk_are_checked(model):
    x = np.zeros((ROWS, 3), "float32")
    x[-1, 0] = np.nan
    with pytest.raises(ValueError, match="`x` must be finite. Received 1 NaN"):
        model.score(OnDisk(x))
