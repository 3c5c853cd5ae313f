"""Figures are written, and show the data they are given."""

import shutil

import numpy as np
import PIL.Image
import pytest
from matplotlib import image

import ae_zoo
from ae_zoo import data, layers, networks, plots, zoo
from ae_zoo.evaluation import Split
from ae_zoo.plots import _canvas, card, codes, images, latent, weights
from ae_zoo.studies.redraw import redraw


def test_image_rows_draws_black_and_white(tmp_path):
    black, white = np.zeros((3, 8, 8, 1)), np.ones((3, 8, 8, 1))
    plots.image_rows({"black": black, "white": white}, tmp_path / "new" / "rows.png")
    picture = image.imread(tmp_path / "new" / "rows.png")[..., :3].mean(axis=-1)
    height, width = picture.shape
    assert picture[height // 4, 2 * width // 3] == 0
    assert picture[3 * height // 4, 2 * width // 3] == 1


@pytest.mark.parametrize("channels", [1, 3])
def test_crops_show_the_most_detailed_pixels_one_for_one(tmp_path, channels):
    image = np.full((200, 300, channels), 0.5)
    image[80:160, 160:240] = (
        np.random.default_rng(0).integers(0, 256, (80, 80, channels)) / 255
    )
    rows = {"input": image[None], "negative": 1 - image[None]}
    plots.image_crops(rows, tmp_path / "crops.png", side=80)
    drawn = np.asarray(PIL.Image.open(tmp_path / "crops.png").convert("RGB"))
    expected = np.round(255 * np.broadcast_to(image[80:160, 160:240], (80, 80, 3)))
    for top, crop in [(6, expected), (6 + 86, 255 - expected)]:
        found = drawn[top : top + 80, 112:192].astype(int)
        np.testing.assert_allclose(found, crop, atol=1)  # of the conversion to 8 bits


def test_small_images_are_shown_whole(tmp_path):
    plots.image_crops({"input": np.zeros((2, 20, 30, 1))}, tmp_path / "crops.png")
    drawn = np.asarray(PIL.Image.open(tmp_path / "crops.png").convert("L"))
    assert (drawn[:, 112:] == 0).sum() == 2 * 20 * 30


def test_image_rows_without_names_have_no_margin(tmp_path):
    rows = [np.zeros((3, 8, 8, 1)), np.zeros((3, 8, 8, 1))]
    plots.image_rows(rows, tmp_path / "rows.png")
    picture = image.imread(tmp_path / "rows.png")[..., :3].mean(axis=-1)
    is_black = picture[picture.shape[0] // 4] == 0
    assert is_black[: len(is_black) // 10].mean() > 0.6


def shifted_prior():
    """A prior whose median is (0, 3), not the origin."""
    prior = layers.RealNVP(couplings=1, units=4)
    prior.build((None, 2))
    prior.weights[-1].assign([0.0, -3.0])
    return prior


def variational(latent_dim, prior=None, shape=(4, 4, 1)):
    return ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(shape, [8]),
        networks.dense_decoder(latent_dim, [], shape),
        prior=prior and prior(),
    )


def drawn_grid(monkeypatch, draw):
    """The grid of images that `manifold` draws."""
    grids = []
    tiled = latent._tiled
    monkeypatch.setattr(latent, "_tiled", lambda g: grids.append(g) or tiled(g))
    draw()
    return grids[0]


@pytest.mark.parametrize("prior, center", [(None, [0, 0]), (shifted_prior, [0, 3])])
def test_manifold_draws_the_plane_of_the_prior(tmp_path, monkeypatch, prior, center):
    model = variational(2, prior)
    path = tmp_path / "manifold.png"
    grid = drawn_grid(monkeypatch, lambda: plots.manifold(model, [], path, steps=5))
    assert grid.shape == (5, 5, 4, 4, 1) and path.is_file()
    # With an odd number of steps, the middle image is that of the median.
    expected = model.decode(np.array([center], "float32"))[0]
    np.testing.assert_allclose(grid[2, 2], expected, rtol=1e-5)
    assert np.abs(grid[0, 0] - grid[0, 4]).max() > 1e-3


def test_manifold_of_more_units_is_the_plane_of_the_codes(monkeypatch):
    """With codes that are given, along two axes with known deviations."""
    model = variational(4)
    a, b = np.meshgrid([-1.0, 1.0], [-1.0, 1.0])
    codes = np.zeros((4, 4))
    codes[:, 1], codes[:, 3] = 3 * a.ravel(), b.ravel()
    codes += [5, 0, 7, 0]
    monkeypatch.setattr(model, "encode", lambda x: codes)
    monkeypatch.setattr(model, "decode", lambda z: z.reshape(-1, 2, 2, 1))
    _, axes = _canvas.subplots(figsize=(2, 2))
    x = np.zeros((4, 4, 4, 1))
    grid = drawn_grid(monkeypatch, lambda: plots.manifold(model, x, steps=3, ax=axes))
    grid = grid.reshape(3, 3, 4)
    np.testing.assert_allclose(grid[1, 1], [5, 0, 7, 0], atol=1e-5)
    # 2.0537 is the 0.98 quantile of N(0, 1), and the deviation of n values ±s is
    # s √(n / (n − 1)). A direction has no sign.
    s = 2.0537 * np.sqrt(4 / 3)
    np.testing.assert_allclose(
        np.abs(grid[1, 2] - grid[1, 1]), [0, 3 * s, 0, 0], 1e-3, 1e-6
    )
    np.testing.assert_allclose(
        np.abs(grid[0, 1] - grid[1, 1]), [0, 0, 0, s], 1e-3, 1e-6
    )
    assert "90%" in axes.get_xlabel() and "10%" in axes.get_ylabel()
    with pytest.raises(ValueError, match="two different numbers from 0 to 2"):
        plots.manifold(model, x, ax=axes, directions=(0, 3))


def test_manifold_is_for_images(tmp_path):
    model = variational(2, shape=(6,))
    with pytest.raises(ValueError, match=r"models of images.*\(6,\)"):
        plots.manifold(model, np.zeros((5, 6)), tmp_path / "m.png")


def test_interpolations_start_and_end_with_reconstructions(tmp_path, monkeypatch):
    model = variational(3)
    x = np.random.default_rng(0).random((20, 4, 4, 1), dtype="float32")
    drawn = []
    monkeypatch.setattr(latent, "image_rows", lambda rows, path: drawn.extend(rows))
    plots.interpolations(model, x, tmp_path / "between.png", steps=5)
    assert np.stack(drawn).shape == (8, 5, 4, 4, 1)
    np.testing.assert_allclose(drawn[-1][-1], model.reconstruct(x[-1:])[0], rtol=1e-5)
    with pytest.raises(ValueError, match="at least two images"):
        plots.interpolations(model, x[:1], tmp_path / "between.png")


def points_of(axes):
    return [np.asarray(drawn.get_offsets()) for drawn in axes.collections]


@pytest.mark.parametrize("d", [1, 2, 5])
def test_latent_scatter_of_any_code(d, monkeypatch):
    model = dense_model([d])
    codes = np.random.default_rng(0).normal(size=(30, d)) * (1 + np.arange(d))
    monkeypatch.setattr(model, "encode", lambda x: codes[: len(x)])
    labels = np.arange(30) % 3
    _, axes = _canvas.subplots(figsize=(2, 2))
    plots.latent_scatter(model, np.zeros((30, 4, 4, 1)), labels, ax=axes)
    groups = points_of(axes)
    assert [len(group) for group in groups] == [10, 10, 10]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list("012")
    if d == 1:
        np.testing.assert_allclose(groups[2], np.c_[codes[2::3], np.full(10, 2)])
    if d == 2:
        np.testing.assert_allclose(groups[1], codes[1::3])
    if d == 5:  # the plane keeps more variance than any two coordinates
        spread = np.concatenate(groups).var(axis=0).sum()
        assert spread >= np.sort(codes.var(axis=0))[-2:].sum()
        assert axes.get_xlabel().startswith("principal direction 1")


def test_latent_scatter_with_other_labels(tmp_path):
    model = dense_model([3])
    x = np.random.default_rng(0).random((9, 4, 4, 1), dtype="float32")
    plots.latent_scatter(model, x, path=tmp_path / "plain.png")
    assert (tmp_path / "plain.png").is_file()
    figure, axes = _canvas.subplots(figsize=(2, 2))
    plots.latent_scatter(model, x, np.linspace(0, 1, 9), ax=axes)
    assert len(figure.axes) == 2  # a color bar
    _, axes = _canvas.subplots(figsize=(2, 2))
    plots.latent_scatter(model, x, ["a", "b", "c"] * 3, ax=axes)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == list("abc")
    with pytest.raises(ValueError, match=r"`labels` must have the shape \(9,\)"):
        plots.latent_scatter(model, x, [1, 2], ax=axes)
    with pytest.raises(ValueError, match="at least three samples"):
        plots.latent_scatter(model, x[:2], ax=axes)


def test_plots_draw_into_axes_or_write_a_file(tmp_path):
    model = dense_model([3])
    log = tmp_path / "training.csv"
    log.write_text("epoch,loss,val_loss\n0,3,4\n1,2,3\n2,1,2\n")
    draws = [
        lambda **to: plots.filters(model, **to),
        lambda **to: plots.scores(np.array([1.0, 2.0]), np.array([3.0]), **to),
        lambda **to: plots.training_curve(log, **to),
    ]
    for draw in draws:
        _, axes = _canvas.subplots(figsize=(2, 2))
        draw(ax=axes)
        assert axes.has_data()
        for to in ({}, {"ax": axes, "path": tmp_path / "x.png"}):
            with pytest.raises(ValueError, match="either `path`.*or `ax`"):
                draw(**to)
    assert not (tmp_path / "x.png").exists()


def test_plots_leave_the_backend_of_the_program_alone(tmp_path):
    import matplotlib

    before = matplotlib.rcParams["backend"]
    plots.scores(np.array([1.0]), np.array([2.0]), tmp_path / "scores.png")
    assert matplotlib.rcParams["backend"] == before


def dense_model(units, shape=(4, 4, 1), decoder="tied"):
    encoder = networks.dense_encoder(shape, units, latent_activation="sigmoid")
    return ae_zoo.ContractiveAutoencoder(encoder, decoder)


def mosaic_of(model, monkeypatch, path, **options):
    drawn = []
    mosaic = weights._mosaic
    monkeypatch.setattr(
        weights,
        "_mosaic",
        lambda *given: drawn.append(given[0]) or mosaic(*given),
    )
    plots.filters(model, path, **options)
    return drawn[0]


def test_filters_are_the_weights_with_the_largest_first(tmp_path, monkeypatch):
    model = dense_model([3])
    kernel = np.zeros((16, 3), "float32")
    kernel[1, 0], kernel[6, 1], kernel[15, 2] = 1.0, -3.0, 2.0
    model.encoder.layers[-1].kernel.assign(kernel)
    path = tmp_path / "filters.png"
    drawn = mosaic_of(model, monkeypatch, path, most=2)
    expected = np.zeros((2, 4, 4))
    expected[0, 1, 2], expected[1, 3, 3] = -3, 2  # pixels 6 and 15 of rows of four
    np.testing.assert_array_equal(drawn, expected)
    red, _, blue = np.moveaxis(image.imread(path)[..., :3], -1, 0)
    assert (blue - red).max() > 0.3 and (red - blue).max() > 0.3


@pytest.mark.parametrize("hidden", [[], [5]])
def test_filters_of_an_untied_decoder(tmp_path, monkeypatch, hidden):
    shape = (4, 4, 1)
    decoder = networks.dense_decoder(3, hidden, shape)
    model = dense_model([*hidden, 3], decoder=decoder)
    if hidden:
        expected = np.asarray(model.encoder.layers[2].kernel).T
    else:
        zero, *ones = np.asarray(
            decoder.layers[1](np.concatenate([np.zeros((1, 3)), np.eye(3)]))
        )
        expected = np.array(ones) - zero  # what each unit adds
    drawn = mosaic_of(model, monkeypatch, tmp_path / "filters.png")
    order = np.argsort(-np.square(expected).sum(axis=1))
    np.testing.assert_allclose(drawn.reshape(-1, 16), expected[order], atol=1e-6)


def test_the_dictionary_of_a_convolutional_encoder_is_drawn(tmp_path, monkeypatch):
    shape = (4, 4, 1)
    model = ae_zoo.SparseAutoencoder(
        networks.convolutional_encoder(shape, [2], latent_dim=3),
        networks.dense_decoder(3, [], shape),
    )
    atoms = np.asarray(model.decoder.get_layer("to_output").kernel)
    drawn = mosaic_of(model, monkeypatch, tmp_path / "filters.png")
    order = np.argsort(-np.linalg.norm(atoms, axis=1))
    np.testing.assert_array_equal(drawn.reshape(-1, 16), atoms[order])


def test_filters_need_gray_images_and_a_dense_encoder_or_dictionary(tmp_path):
    colored = dense_model([3], (2, 2, 3))
    shape = (4, 4, 1)
    convolutional = ae_zoo.ConvolutionalAutoencoder(
        networks.convolutional_encoder(shape, [2]),
        networks.convolutional_decoder(shape, [2]),
    )
    for model in (colored, convolutional):
        with pytest.raises(ValueError, match="a dense encoder or a decoder of one"):
            plots.filters(model, tmp_path / "filters.png")


@pytest.mark.parametrize(
    "count, grid", [(100, (10, 10)), (32, (4, 8)), (7, (3, 3)), (1, (1, 1))]
)
def test_grid_has_room_for_all_and_no_empty_row(count, grid):
    assert weights._grid(count) == grid


def test_code_histogram_by_hand():
    sparse = np.array([[0.0, 2.0, 0.0], [0.0, 4.0, 1.0]], "float32")
    figure, (left, right) = _canvas.subplots(1, 2, figsize=(4, 2))
    codes._draw_values(left, sparse, is_sigmoid=False)
    codes._draw_use(right, sparse, is_sigmoid=False)
    assert left.get_title() == "50.0% of the values are zero and left out"
    assert right.get_title() == "1 of 3 units are never used"
    np.testing.assert_array_equal(right.patches[0].get_data().values, [100, 50, 0])
    bounded = np.array([[0.01, 0.5], [0.02, 0.99]], "float32")
    figure, (left, right) = _canvas.subplots(1, 2, figsize=(4, 2))
    codes._draw_values(left, bounded, is_sigmoid=True)
    codes._draw_use(right, bounded, is_sigmoid=True)
    assert left.get_title() == "50.0% below 0.05, 25.0% above 0.95"
    values = right.patches[0].get_data().values
    np.testing.assert_allclose(values, [0.745, 0.015], rtol=1e-5)


def test_the_target_of_a_sparse_model_is_drawn(tmp_path, monkeypatch):
    model = ae_zoo.SparseAutoencoder(
        networks.dense_encoder((4, 4, 1), [8], latent_activation="sigmoid"),
        "tied",
        sparsity="kl",
    )
    x = np.random.default_rng(0).random((20, 4, 4, 1), dtype="float32")
    saved = {}
    monkeypatch.setattr(_canvas, "save", lambda figure, _: saved.update(last=figure))
    plots.code_histogram(model, x, tmp_path / "codes.png")
    (target,) = saved["last"].axes[1].lines
    assert set(target.get_ydata()) == {model.rho}


def test_a_code_without_an_active_unit_is_drawn():
    _, axes = _canvas.subplots(figsize=(4, 2))
    codes._draw_values(axes, np.zeros((3, 4)), is_sigmoid=False)
    assert axes.get_title().startswith("100.0% of the values are zero")


@pytest.mark.slow
def test_redrawing_changes_only_the_figures(tmp_path):
    folder = shutil.copytree(zoo.entry._find("sparse_digits"), tmp_path / "entry")
    before = zoo.info(folder)
    drawn = ("picture.png", "filters.png", "code_histogram.png")
    zoo.amend(folder, {}, replaces=drawn)
    assert zoo.info(folder)["pictures"] == ["training.png"]
    names = redraw(folder)
    assert names == ["picture.png", "code_histogram.png", "filters.png"]
    assert all((folder / name).is_file() for name in names)
    assert zoo.info(folder) == before | {"pictures": [*names, "training.png"]}
    ae_zoo.load(folder)  # the checksums match the new files
    page = (folder / "README.md").read_text("utf-8")
    assert "![Weights of single units" in page and "](filters.png)" in page


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
    scores = [model.score(part) for part in rows.values()]
    plots.scores(*scores, tmp_path / "scores.png")
    assert image.imread(tmp_path / "scores.png").std() > 0.01


def figures_of(model, folder, samples=20, labels=None, **options):
    shape = model.input_shape[1:]
    x = np.random.default_rng(0).random((samples, *shape), dtype="float32")
    plots.card_figures(model, Split(x, labels), folder, **options)
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.slow
def test_figures_of_a_card_suit_the_model(tmp_path):
    shape = (4, 4, 1)
    variational = ae_zoo.VariationalAutoencoder(
        networks.dense_encoder(shape, [8, 6]), networks.dense_decoder(2, [8, 6], shape)
    )
    names = figures_of(variational, tmp_path / "variational")
    assert names == ["manifold.png", "picture.png"]
    names = figures_of(dense_model([3]), tmp_path / "contractive")
    assert names == ["code_histogram.png", "filters.png", "picture.png"]
    names = figures_of(dense_model([5, 3]), tmp_path / "deep")
    assert names == ["code_histogram.png", "picture.png"]


def test_figures_of_a_card_show_pairs(tmp_path, monkeypatch):
    drawn = {}
    monkeypatch.setattr(images, "image_rows", lambda rows, path: drawn.update(rows))
    figures_of(dense_model([5, 3]), tmp_path, pair=lambda x: (x / 2, x))
    np.testing.assert_array_equal(drawn["input"], drawn["target"] / 2)


@pytest.mark.slow
def test_figures_of_a_card_compare_normal_and_anomalous_samples(tmp_path, monkeypatch):
    model = ae_zoo.UndercompleteAutoencoder(
        networks.dense_encoder((6,), [2]), networks.dense_decoder(2, [], (6,))
    )
    labels = np.arange(20) % 3
    options = {"labels": labels, "normal_classes": (0, 2)}
    assert figures_of(model, tmp_path, **options) == ["picture.png", "scores.png"]
    groups = {}
    monkeypatch.setattr(card, "series", lambda model, rows, path: groups.update(rows))
    monkeypatch.setattr(
        card, "scores", lambda *scores: groups.update(sizes=[*map(len, scores[:2])])
    )
    figures_of(model, tmp_path, **options)
    x = np.random.default_rng(0).random((20, 6), dtype="float32")
    assert groups["sizes"] == [13, 7]  # 7 labels of 0, 7 of 1 and 6 of 2
    np.testing.assert_array_equal(groups["normal"], x[[0, 2, 3, 5, 6, 8]])
    np.testing.assert_array_equal(groups["anomalous"], x[[1, 4, 7, 10, 13, 16]])
    with pytest.raises(ValueError, match="need labels"):
        figures_of(model, tmp_path, normal_classes=(0, 2))


def test_training_curve(tmp_path):
    log = tmp_path / "training.csv"
    log.write_text("epoch,loss,val_loss\n0,3,4\n1,2,3\n2,1,2\n")
    plots.training_curve(log, tmp_path / "curve.png")
    picture = image.imread(tmp_path / "curve.png")
    assert picture.std() > 0.01


def test_both_training_curves_are_visible(tmp_path, monkeypatch):
    """Also if corruption or dropout makes the training loss the larger one."""
    saved = {}
    monkeypatch.setattr(_canvas, "save", lambda figure, _: saved.update(last=figure))
    log = tmp_path / "training.csv"
    log.write_text("epoch,loss,val_loss\n0,9,4\n1,8,3\n2,7,2\n")
    plots.training_curve(log, tmp_path / "curve.png")
    low, high = saved["last"].axes[0].get_ylim()
    assert low < 2 and high > 9


def test_mnist_style_scales_and_centers():
    digit = np.zeros((1, 16, 16, 1), "float32")
    digit[0, 1:9, 2:5] = 1
    (result,) = data.mnist_style(digit)
    assert result.shape == (28, 28, 1)
    rows = np.flatnonzero(result.max(axis=(1, 2)) > 0.5)
    columns = np.flatnonzero(result.max(axis=(0, 2)) > 0.5)
    # 10 rows with the margin become 20, so the 8 × 3 pixels of the bar become 16 × 6,
    # ± one pixel of blur.
    assert abs(len(rows) - 16) <= 1 and abs(len(columns) - 6) <= 1
    mass = result[..., 0] / result.sum()
    for axis in (0, 1):
        center = (mass.sum(axis=1 - axis) * np.arange(28)).sum()
        # The shift is a whole number of pixels: the center is exact to half a pixel.
        assert abs(center - 13.5) <= 0.5 + 1e-3


def test_a_timeline_continues_in_panels_and_shades_anomalies(tmp_path, monkeypatch):
    saved = []
    monkeypatch.setattr(_canvas, "save", lambda figure, path: saved.append(figure))
    scores = np.linspace(1, 2, 7000)
    is_anomalous = (np.arange(7000) % 3500) >= 3000
    plots.timeline(scores, is_anomalous, tmp_path / "timeline.png", threshold=1.5)
    (figure,) = saved
    assert len(figure.axes) == 2
    shaded = [patch for axis in figure.axes for patch in axis.patches]
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in shaded]
    assert spans == [(3000, 3500), (6500, 7000)]
    with pytest.raises(ValueError, match="same length"):
        plots.timeline(scores, is_anomalous[1:], tmp_path / "timeline.png")
