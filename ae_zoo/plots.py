"""Pictures of what a model does. Needs matplotlib: pip install 'ae-zoo[plots]'."""

import pathlib

import numpy as np

_INK = "#1b1f24"


def image_rows(rows, path, title=None):
    """Draws rows of images, each with its name.

    Args:
        rows: {name: (n, height, width, channels)} in [0, 1], the same n in each row.
        path: File to write; the suffix chooses the format.
        title: Above the picture.

    Raises:
        ImportError: matplotlib is not installed.

    Example:

    >>> image_rows({"clean": x[:8], "noisy": noisy[:8]}, "picture.png")
    """
    rows = {name: np.asarray(images) for name, images in rows.items()}
    columns = max(len(images) for images in rows.values())
    figure, axes = _figure().subplots(
        len(rows),
        columns,
        squeeze=False,
        figsize=(0.9 * columns + 1.1, 0.9 * len(rows) + (0.45 if title else 0.1)),
        gridspec_kw={"wspace": 0.06, "hspace": 0.06},
        layout="constrained",
    )
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    for line, (name, images) in zip(axes, rows.items(), strict=True):
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
        line[0].set_ylabel(
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
        z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1)
        images = np.asarray(model.decode(z.reshape(-1, 2).astype("float32")))
        lines = images.reshape(steps, steps, *images.shape[1:])
    else:
        ends = x[np.linspace(0, len(x) - 1, 9).astype(int)]
        lines = [
            model.interpolate(a, b, steps) for a, b in zip(ends, ends[1:], strict=False)
        ]
    image_rows({" " * row: line for row, line in enumerate(lines)}, path)


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
    last = table["val_loss"][len(table) // 10 :]
    axes.set(
        xlabel="epoch",
        ylabel="loss per sample",
        # The first epochs would squeeze the rest of the curve flat.
        ylim=(0.95 * min(table["loss"].min(), last.min()), 1.05 * last.max()),
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    _save(figure, path)


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
