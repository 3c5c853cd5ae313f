"""Figures of the latent space: where the samples lie, and what its points decode to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from ae_zoo import _checks
from ae_zoo.plots import _canvas
from ae_zoo.plots.images import image_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ae_zoo.models import Autoencoder, VariationalAutoencoder

_MOST_POINTS = 5000  # of a scatter plot; more hide each other
_MOST_CLASSES = 20  # with colors that can be told apart


class Plane(NamedTuple):
    """A plane through latent codes, spanned by two principal directions.

    Attributes:
        center: The mean of the codes, (d,).
        directions: Two orthonormal directions, (2, d).
        spread: Standard deviation of the codes in each direction, (2,).
        shares: Share of each direction in the variance of the codes, (2,).
    """

    center: np.ndarray
    directions: np.ndarray
    spread: np.ndarray
    shares: np.ndarray


def principal_plane(codes: np.ndarray, directions: tuple[int, int] = (0, 1)) -> Plane:
    """Return the plane of two principal directions of codes.

    Args:
        codes: (n, d), with n > 2 and d > 1.
        directions: Numbers of the principal directions, from 0, the one with the
            largest variance.
    """
    from sklearn.decomposition import PCA

    first, second = directions
    needed = max(directions) + 1
    most = min(len(codes) - 1, codes.shape[1])
    if first == second or min(directions) < 0 or needed > most:
        raise ValueError(
            f"`directions` must be two different numbers from 0 to {most - 1}, since "
            f"there are {len(codes)} codes of {codes.shape[1]} values. Received: "
            f"{directions}"
        )
    pca = PCA(needed, random_state=0).fit(codes)
    chosen = [first, second]
    shares = np.nan_to_num(pca.explained_variance_ratio_)  # NaN: all codes are equal
    return Plane(
        pca.mean_,
        pca.components_[chosen],
        np.sqrt(pca.explained_variance_[chosen]),
        shares[chosen],
    )


def latent_scatter(
    model: Autoencoder,
    x: ArrayLike,
    labels: ArrayLike | None = None,
    path: _canvas.PathLike | None = None,
    *,
    ax: Axes | None = None,
) -> None:
    """Draw the latent codes of samples as points, colored by their class.

    Codes of two values are drawn as they are, and longer ones in the plane of their
    two principal directions. Of a code of one value, the height of a point is its
    class.

    Args:
        model: An `ae_zoo.models.Autoencoder`.
        x: Samples to encode, (n, ...). Of more than 5,000, every k-th is drawn.
        labels: (n,). Integers, booleans or text are classes; floats are drawn on a
            scale of colors. None draws all points alike.
        path: File to write. The suffix selects the format.
        ax: Axes to draw into, instead of writing a file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: Neither or both of `path` and `ax` are given, there are fewer than
            three samples, or not as many labels as samples.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> model = ae_zoo.load("deep_digits")
    >>> ae_zoo.plots.latent_scatter(model, images, path="codes.png")
    """
    x = np.asarray(x)
    labels = None if labels is None else np.asarray(labels)
    if labels is not None and labels.shape != (len(x),):
        raise ValueError(
            f"`labels` must have the shape ({len(x)},), one for each sample. "
            f"Received: {labels.shape}"
        )
    step = -(-len(x) // _MOST_POINTS) if len(x) else 1
    labels = None if labels is None else labels[::step]
    points, names = _points(_codes(model, x[::step]), labels)
    with _canvas.axes_for(path, ax, figsize=(6.2, 5)) as axes:
        _draw_points(axes, points, labels)
        axes.set(xlabel=names[0], ylabel=names[1])
        axes.spines[["top", "right"]].set_visible(False)


def manifold(
    model: Autoencoder,
    x: ArrayLike,
    path: _canvas.PathLike | None = None,
    steps: int = 12,
    directions: tuple[int, int] = (0, 1),
    *,
    ax: Axes | None = None,
) -> None:
    """Draw a plane of the latent space as decoded images.

    With two latent units, a variational model shows its whole latent plane, in equal
    steps of the prior's probability (Kingma & Welling 2014, figure 4). Any other model
    shows the plane through the mean of the codes of `x` along two of their principal
    directions, in equal steps of the probability of a normal distribution with their
    variance.

    Args:
        model: An `ae_zoo.models.Autoencoder` of images.
        x: Images, (n, height, width, channels), more than two. A variational model with
            two latent units does not use them.
        path: File to write. The suffix selects the format.
        steps: Number of images in each row and column.
        directions: Numbers of the principal directions, from 0. The second plane of
            a larger latent space is (2, 3).
        ax: Axes to draw into, instead of writing a file.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: The model's outputs are not images, neither or both of `path` and
            `ax` are given, or there are no such directions.

    Example:

    >>> images = ae_zoo.data.arrays("digits", "test")
    >>> model = ae_zoo.load("variational_digits")
    >>> ae_zoo.plots.manifold(model, images, "manifold.png")
    """
    _checks.check_integer("steps", steps, 2)
    if len(model.output_shape) != 4:
        raise ValueError(
            "A manifold is drawn for models of images, (height, width, channels). "
            f"Received a model with outputs of shape {model.output_shape[1:]}."
        )
    grid, names = _decoded_plane(model, x, steps, directions)
    size = 0.55 * steps
    shape = model.output_shape[1:]
    figsize = (size + 0.3, size * (shape[0] or 1) / (shape[1] or 1) + 0.3)
    with _canvas.axes_for(path, ax, figsize) as axes:
        axes.imshow(_tiled(grid), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set(xticks=[], yticks=[], xlabel=names[0], ylabel=names[1])
        axes.spines[:].set_visible(False)


def interpolations(
    model: VariationalAutoencoder,
    x: ArrayLike,
    path: _canvas.PathLike,
    steps: int = 12,
) -> None:
    """Draw what lies between pairs of images: the decoded line between their codes.

    Args:
        model: An `ae_zoo.models.VariationalAutoencoder` of images.
        x: At least two images, (n, height, width, channels). Up to eight rows connect
            up to nine of them.
        path: File to write. The suffix selects the format.
        steps: Number of images in each row.

    Raises:
        ImportError: Matplotlib is not installed.
        ValueError: There are fewer than two images.
    """
    x = np.asarray(x)
    if len(x) < 2:
        raise ValueError(f"`x` must hold at least two images. Received: {len(x)}")
    ends = x[np.linspace(0, len(x) - 1, min(len(x), 9)).astype(int)]
    pairs = zip(ends, ends[1:], strict=False)
    image_rows([model.interpolate(a, b, steps) for a, b in pairs], path)


def _codes(model: Autoencoder, x: ArrayLike) -> np.ndarray:
    """Codes of samples, (n, d)."""
    x = np.asarray(x)[:_MOST_POINTS]
    if len(x) < 3:
        raise ValueError(
            f"`x` must hold at least three samples, which make a plane. Received: "
            f"{len(x)}"
        )
    return np.asarray(model.encode(x)).reshape(len(x), -1)


def _points(
    codes: np.ndarray, labels: np.ndarray | None
) -> tuple[np.ndarray, tuple[str, str]]:
    """Positions of codes in a plane, (n, 2), and what its two axes are."""
    if codes.shape[1] == 1:
        if labels is None:
            return np.column_stack([codes[:, 0], np.zeros(len(codes))]), ("code", "")
        heights = np.unique(labels, return_inverse=True)[1]
        return np.column_stack([codes[:, 0], heights]), ("code", "class")
    if codes.shape[1] == 2:
        return codes, ("code, first value", "code, second value")
    plane = principal_plane(codes)
    return (codes - plane.center) @ plane.directions.T, _axis_names(plane, (0, 1))


def _axis_names(plane: Plane, directions: tuple[int, int]) -> tuple[str, str]:
    first, second = (
        f"principal direction {number + 1} of the codes, {share:.0%} of their variance"
        for number, share in zip(directions, plane.shares, strict=True)
    )
    return first, second


def _draw_points(axes: Axes, points: np.ndarray, labels: np.ndarray | None) -> None:
    import matplotlib

    style: dict[str, Any] = {"s": 9, "alpha": 0.75, "linewidths": 0}
    if labels is None:
        axes.scatter(*points.T, color=_canvas.BLUE, **style)
        return
    classes = np.unique(labels)
    if np.issubdtype(labels.dtype, np.floating) or len(classes) > _MOST_CLASSES:
        values = np.unique(labels, return_inverse=True)[1]
        if np.issubdtype(labels.dtype, np.number):
            values = labels
        across, up = points.T
        drawn = axes.scatter(across, up, c=values, cmap="viridis", **style)
        axes.figure.colorbar(drawn, ax=axes, shrink=0.6, aspect=24)
        return
    colors = matplotlib.colormaps["tab10" if len(classes) <= 10 else "tab20"]
    for number, name in enumerate(classes):
        chosen = points[labels == name]
        axes.scatter(*chosen.T, color=colors(number), label=str(name), **style)
    axes.legend(
        frameon=False, fontsize=8, markerscale=2, loc="upper left",
        bbox_to_anchor=(1, 1), handletextpad=0.1,
    )  # fmt: skip


def _decoded_plane(
    model: Autoencoder, x: ArrayLike, steps: int, directions: tuple[int, int]
) -> tuple[np.ndarray, tuple[str, str]]:
    """A grid of images, (steps, steps, height, width, channels), and its axes."""
    from scipy.stats import norm

    quantiles = norm.ppf(np.linspace(0.02, 0.98, steps))  # (steps,)
    eps = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    sample = model.endpoints().get("sample")
    if sample is not None and model.latent_shape == (2,):
        images = np.asarray(sample.function(eps.astype("float32")))
        names = ("", "")
    else:
        plane = principal_plane(_codes(model, x), directions)
        codes = plane.center + (eps * plane.spread) @ plane.directions
        shape = (-1, *model.latent_shape)
        images = model.decode(codes.reshape(shape).astype("float32"))
        names = _axis_names(plane, directions)
    return images.reshape(steps, steps, *images.shape[1:]), names


def _tiled(grid: np.ndarray) -> np.ndarray:
    """Join a grid of images, (rows, columns, height, width, channels), to one image."""
    rows, columns, height, width, channels = grid.shape
    image = np.swapaxes(grid, 1, 2).reshape(rows * height, columns * width, channels)
    return np.clip(image, 0, 1)
