"""Pictures of what a model does. Needs matplotlib: pip install 'ae-zoo[plots]'."""

import pathlib

import keras
import numpy as np

from ae_zoo import networks

_INK = "#1b1f24"
_BLUE = "#3b6fb6"


def image_rows(rows, path, title=None):
    """Draws rows of images, each with its name.

    Args:
        rows: {name: (n, height, width, channels)} in [0, 1], the same n in each row;
            or a list of such rows, without names.
        path: File to write; the suffix chooses the format.
        title: Above the picture.

    Raises:
        ImportError: matplotlib is not installed.

    Example:

    >>> image_rows({"clean": x[:8], "noisy": noisy[:8]}, "picture.png")
    """
    names = list(rows) if isinstance(rows, dict) else []
    rows = [np.asarray(images) for images in (rows.values() if names else rows)]
    columns = max(map(len, rows))
    margin = 1.1 if names else 0.1
    figure, axes = _figure().subplots(
        len(rows),
        columns,
        squeeze=False,
        figsize=(0.9 * columns + margin, 0.9 * len(rows) + (0.45 if title else 0.1)),
        gridspec_kw={"wspace": 0.06, "hspace": 0.06},
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for line, images in zip(axes, rows, strict=True):
        for axis, image in zip(line, images, strict=True):
            axis.imshow(
                np.clip(image, 0, 1),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
            )
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
    for axis, name in zip(axes[:, 0], names, strict=False):
        axis.set_ylabel(
            name, rotation=0, ha="right", va="center", labelpad=8, color=_INK
        )
    if title:
        figure.suptitle(title, color=_INK, fontsize=11)
    _save(figure, path)


def reconstructions(model, x, path, target=None, corruption_seed=(0, 0)):
    """Draws what a model makes of images, in the way that fits its variant.

    Inputs and reconstructions; for a denoiser the noisy inputs between them; for a
    variational model samples from the prior below.

    Args:
        model: An `ae_zoo.models.Autoencoder` of images.
        x: (n, height, width, channels).
        path: File to write.
        target: (n, height, width, channels), what the reconstruction should be, where
            it is not x.
        corruption_seed: Seed of the noise that a denoiser is shown.
    """
    rows = {"input": x}
    if hasattr(model, "corruption"):
        noisy = np.asarray(model.corruption(np.asarray(x), seed=corruption_seed))
        rows |= {"corrupted": noisy, "denoised": model.reconstruct(noisy)}
    else:
        rows["reconstruction"] = model.reconstruct(x)
    if target is not None:
        rows["target"] = target
    if hasattr(model, "sample"):
        rows["sample"] = model.sample(len(x), seed=0)
    image_rows(rows, path)


def manifold(model, x, path, steps=12):
    """Draws what a variational model makes of its latent space.

    Two latent units: the plane, in equal steps of the prior's probability (Kingma &
    Welling 2014, figure 4). More: the way from one image to another, eight times.

    Args:
        model: An `ae_zoo.models.VariationalAutoencoder` of images.
        x: (n, height, width, channels), to choose the images from; n of 9 or more.
        path: File to write.
        steps: Images along each line.
    """
    from scipy.stats import norm

    if model.latent_dim == 2:
        quantiles = norm.ppf(np.linspace(0.02, 0.98, steps))  # (steps,)
        eps = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)
        eps = eps.reshape(-1, 2).astype("float32")
        images = np.asarray(model.endpoints()["sample"](eps))
        lines = images.reshape(steps, steps, *images.shape[1:])
    else:
        ends = x[np.linspace(0, len(x) - 1, 9).astype(int)]
        lines = [
            model.interpolate(a, b, steps) for a, b in zip(ends, ends[1:], strict=False)
        ]
    image_rows(lines, path)


def series(model, x, path):
    """Draws series, each with the model's reconstruction over it.

    Args:
        model: An `ae_zoo.models.Autoencoder` of vectors.
        x: {name: (batch, n)}, a row of panels for each name.
        path: File to write.
    """
    columns = max(map(len, x.values()))
    figure, axes = _figure().subplots(
        len(x),
        columns,
        squeeze=False,
        sharex=True,
        sharey=True,
        figsize=(1.8 * columns, 1.5 * len(x) + 0.3),
        layout="constrained",
    )
    for line, (name, batch) in zip(axes, x.items(), strict=True):
        outputs = np.asarray(model.reconstruct(batch))
        for axis, before, after in zip(line, batch, outputs, strict=False):
            axis.plot(before, color="0.6", label="input")
            axis.plot(after, color="C0", linewidth=1, label="reconstruction")
            axis.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(name, color=_INK)
    axes[0, 0].legend(frameon=False, fontsize=6)
    _save(figure, path)


def scores(normal, anomalous, path):
    """Draws how the scores of normal and of anomalous samples are distributed.

    Args:
        normal: (batch,) as `score` gives them.
        anomalous: (batch,).
        path: File to write.
    """
    figure, axes = _figure().subplots(figsize=(6, 2.8), layout="constrained")
    everything = np.concatenate([normal, anomalous])
    bins = np.geomspace(everything.min(), everything.max(), 60)
    axes.hist([normal, anomalous], bins, label=["normal", "anomalous"], stacked=True)
    axes.set(xscale="log", xlabel="score", ylabel="test samples")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def training_curve(training_csv, path):
    """Draws the losses of a run from its `training.csv`.

    Args:
        training_csv: File that `ae_zoo.train` wrote.
        path: File to write.
    """
    table = np.atleast_1d(np.genfromtxt(training_csv, delimiter=",", names=True))
    figure, axes = _figure().subplots(figsize=(6, 3.4), layout="constrained")
    for column, label in (("loss", "training"), ("val_loss", "validation")):
        axes.plot(table["epoch"] + 1, table[column], label=label)
    # The first epochs would squeeze the rest of the curves flat.
    last = [table[column][len(table) // 10 :] for column in ("loss", "val_loss")]
    margin = 0.05 * np.ptp(last) or 1.0
    axes.set(
        xlabel="epoch",
        ylabel="loss per sample",
        ylim=(np.min(last) - margin, np.max(last) + margin),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


def filters(model, path, most=100):
    """Draws the weights of dense units as images.

    What each unit adds to the output where the decoder is one dense layer, tied or not;
    else what each unit of the encoder's first layer looks for. Red is positive, blue
    negative, on one scale for all; the units with the largest weights come first.

    Args:
        model: An `ae_zoo.models.Autoencoder` of grey images with dense layers.
        path: File to write.
        most: Units to draw at most.

    Raises:
        ValueError: There is no such layer, or the images are not grey.
    """
    weights = _unit_weights(model)  # (units, height, width)
    norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)
    shown = weights[np.argsort(-norms, kind="stable")[:most]]
    lines, columns = _grid(len(shown))
    # A few extreme weights would leave all others pale.
    limit = np.quantile(np.abs(shown), 0.995)
    size = 5.6 / max(lines, columns)
    figure, axes = _figure().subplots(
        figsize=(size * columns + 0.8, size * lines + 0.4), layout="constrained"
    )
    drawn = axes.imshow(
        _mosaic(shown, lines, columns),
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        interpolation="nearest",
    )
    axes.set_axis_off()
    is_all = len(shown) == len(weights)
    largest, rest = ("", "") if is_all else ("The largest ", f" of {len(weights):,}")
    axes.set_title(
        f"{largest}{len(shown)}{rest} units, by their weights", color=_INK, fontsize=11
    )
    bar = figure.colorbar(
        drawn, shrink=0.4, aspect=16, pad=0.02, ticks=[-limit, 0, limit]
    )
    bar.ax.set_yticklabels([f"−{limit:.2g}", "0", f"{limit:.2g}"], color=_INK)
    bar.ax.tick_params(length=0)
    bar.outline.set_visible(False)
    _save(figure, path)


def _unit_weights(model):
    height, width, *channels = (*model.input_shape[1:], 0)[:4]
    encoder = networks.dense_chain(model.encoder)
    dictionary = networks.dictionary(model.decoder)
    if channels[:1] != [1] or not (encoder or dictionary):
        raise ValueError(
            "Filters are drawn of grey images, (height, width, 1), and a dense encoder "
            f"or a decoder of one dense layer. Received a {type(model).__name__} of "
            f"inputs {model.input_shape[1:]} with the encoder {model.encoder.name!r}"
        )
    weights = encoder[0].kernel.numpy().T if dictionary is None else dictionary.kernel
    return np.asarray(weights).reshape(-1, height, width)


def _grid(count):
    """Lines and columns of a grid about as wide as high, without a gap if it can be."""
    columns = int(np.ceil(np.sqrt(count)))
    full = (wide for wide in range(columns, 2 * columns + 1) if count % wide == 0)
    columns = next(full, columns)
    return -(-count // columns), columns


def _mosaic(images, lines, columns):
    """(n, height, width) in a grid with gaps of NaN."""
    _, height, width = images.shape
    gap = max(1, height // 14)
    shape = (lines * (height + gap) - gap, columns * (width + gap) - gap)
    mosaic = np.full(shape, np.nan)
    for number, image in enumerate(images):
        top = number // columns * (height + gap)
        left = number % columns * (width + gap)
        mosaic[top : top + height, left : left + width] = image
    return mosaic


def code_histogram(model, x, path):
    """Draws how the values of a code are distributed, and how its units are used.

    Left: all values but exact zeros. Right: the units in the order of their use, which
    is the mean activation of sigmoid units, and of others the share of samples in
    which they are not zero.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        x: (batch, ...), to encode.
        path: File to write.
    """
    codes = np.asarray(model.encode(x))
    codes = codes.reshape(len(codes), -1)  # (batch, d)
    chain = networks.dense_chain(model.encoder)
    is_sigmoid = bool(chain) and chain[-1].activation is keras.activations.sigmoid
    figure, (left, right) = _figure().subplots(
        1, 2, figsize=(8.4, 2.9), layout="constrained"
    )
    _draw_values(left, codes, is_sigmoid)
    _draw_use(right, codes, is_sigmoid)
    if getattr(model, "sparsity", None) == "kl":
        right.axhline(model.rho, color=_INK, linestyle="--", linewidth=1)
        right.text(
            0.02,
            model.rho,
            f"target ρ = {model.rho:g}",
            transform=right.get_yaxis_transform(),  # x in parts of the width
            va="bottom",
            color=_INK,
            fontsize=9,
        )
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    _save(figure, path)


def _draw_values(axes, codes, is_sigmoid):
    values = codes[codes != 0]
    if is_sigmoid:
        ends = (0, 1)
        low, high = (codes < 0.05).mean(), (codes > 0.95).mean()
        title = f"{low:.1%} below 0.05, {high:.1%} above 0.95"
    else:
        # A code without any active unit has no values to draw.
        ends = np.quantile(values, [0.001, 0.999]) if values.size else (0, 1)
        title = f"{(codes == 0).mean():.1%} of the values are zero and left out"
    weights = np.full(values.shape, 100 / codes.size)
    axes.hist(values, 50, range=ends, weights=weights, color=_BLUE)
    axes.set(xlabel="activation", ylabel="values, %", xlim=ends)
    axes.set_title(title, fontsize=9, color=_INK)


def _draw_use(axes, codes, is_sigmoid):
    if is_sigmoid:
        use, label = codes.mean(axis=0), "mean activation"
    else:
        use, label = 100 * (codes != 0).mean(axis=0), "samples that use it, %"
        dead = (use == 0).sum()
        title = f"{dead} of {len(use):,} units are never used"
        axes.set_title(title, fontsize=9, color=_INK)
    edges = np.arange(len(use) + 1) + 0.5
    axes.stairs(np.sort(use)[::-1], edges, fill=True, color=_BLUE)
    axes.set(xlabel="units, the most used first", ylabel=label)
    axes.set(xlim=(edges[0], edges[-1]), ylim=(0, None))


def _figure():
    try:
        import matplotlib
    except ImportError as error:
        raise ImportError(
            "Pictures need matplotlib. Install it with: pip install 'ae-zoo[plots]'"
        ) from error
    matplotlib.use("Agg")  # files only: no window, no display
    from matplotlib import pyplot

    return pyplot


def _save(figure, path):
    pathlib.Path(path).parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, facecolor="white")
    _figure().close(figure)
