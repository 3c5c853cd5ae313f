"""Pictures are written, and show what they are given."""

import numpy as np
import pytest
from matplotlib import image

import ae_zoo
from ae_zoo import data, networks, plots


def test_image_rows_draws_black_and_white(tmp_path):
    black, white = np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1))
    plots.image_rows({"black": black, "white": white}, tmp_path / "new" / "rows.png")
    picture = image.imread(tmp_path / "new" / "rows.png")[..., :3].mean(axis=-1)
    height, width = picture.shape
    assert picture[height // 4, 2 * width // 3] == 0
    assert picture[3 * height // 4, 2 * width // 3] == 1


@pytest.mark.parametrize("latent_dim, rows", [(2, 5), (3, 8)])
def test_manifold_draws_the_latent_space(tmp_path, monkeypatch, latent_dim, rows):
    shape = (4, 4, 1)
    model = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(shape, [8]),
        networks.dense_decoder(latent_dim, [], shape),
    )
    x = np.random.default_rng(0).random((20, *shape), dtype="float32")
    drawn = {}
    monkeypatch.setattr(plots, "image_rows", lambda rows, path: drawn.update(rows))
    plots.manifold(model, x, tmp_path / "manifold.png", steps=5)
    images = np.stack(list(drawn.values()))
    assert images.shape == (rows, 5, *shape)
    if latent_dim == 2:
        # An odd number of steps passes through the origin in the middle.
        expected = model.decode(np.zeros((1, 2), "float32"))[0]
        received = images[2, 2]
    else:
        expected, received = model.reconstruct(x[-1:])[0], images[-1, -1]
    np.testing.assert_allclose(received, expected, rtol=1e-5)
    assert np.abs(images[0, 0] - images[0, 4]).max() > 1e-3


def test_series_and_scores(tmp_path):
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((6,), [2]),
        networks.dense_decoder(2, [], (6,), output="linear"),
        reconstruction_loss="gaussian",
    )
    x = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")
    rows = {"normal": x[:3], "anomalous": x[3:]}
    plots.series(model, rows, tmp_path / "series.png")
    assert image.imread(tmp_path / "series.png").std() > 0.01
    scores = [model.score(part).numpy() for part in rows.values()]
    plots.scores(*scores, tmp_path / "scores.png")
    assert image.imread(tmp_path / "scores.png").std() > 0.01


def test_training_curve(tmp_path):
    log = tmp_path / "training.csv"
    log.write_text("epoch,loss,val_loss\n0,3,4\n1,2,3\n2,1,2\n")
    plots.training_curve(log, tmp_path / "curve.png")
    picture = image.imread(tmp_path / "curve.png")
    assert picture.std() > 0.01


def test_mnist_style_scales_and_centres():
    digit = np.zeros((1, 16, 16, 1), "float32")
    digit[0, 1:9, 2:5] = 1
    (result,) = data.mnist_style(digit)
    assert result.shape == (28, 28, 1)
    rows = np.flatnonzero(result.max(axis=(1, 2)) > 0.5)
    columns = np.flatnonzero(result.max(axis=(0, 2)) > 0.5)
    # 10 rows with the margin become 20; the bar's 8 × 3 pixels 16 × 6, ± one of blur.
    assert abs(len(rows) - 16) <= 1 and abs(len(columns) - 6) <= 1
    mass = result[..., 0] / result.sum()
    for axis in (0, 1):
        centre = (mass.sum(axis=1 - axis) * np.arange(28)).sum()
        # Whole pixels are moved, so the centre is met to half a pixel.
        assert abs(centre - 13.5) <= 0.5 + 1e-3
