"""Draw the pictures of the documentation into `docs/assets/figures`.

    python docs/draw_figures.py [NAME ...]

Needs the extras `plots` and `docs`, and Python 3.11. The pictures are drawn from the
models of the zoo, from scikit-learn's digits, and from small networks that the script
trains in a minute, with fixed seeds. What the tutorials print goes to
`docs/assets/outputs`.
"""

from __future__ import annotations

import contextlib
import io
import json
import pathlib
import sys
import tempfile
from typing import Any

import jupytext
import keras
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

import ae_zoo
from ae_zoo import networks, plots

FIGURES = pathlib.Path(__file__).parent / "assets" / "figures"
BLUE, RED, GRAY = "#3b6fb6", "#c8442f", "#9aa1a9"


def canvas(width: float, height: float, columns: int = 1) -> tuple[Figure, Any]:
    """Return a figure and its axes, without frames on top and right."""
    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    axes = figure.subplots(1, columns)
    for ax in np.ravel(axes):
        ax.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, name: str) -> None:
    """Write a figure as a PNG file of few colors, which is small."""
    path = FIGURES / f"{name}.png"
    figure.savefig(path, facecolor="white")
    Image.open(path).convert("RGB").quantize(128).save(path, optimize=True)


def autoencoder() -> None:
    """Input, encoder, code, decoder and reconstruction of a digit."""
    model = ae_zoo.load("undercomplete_digits")
    x = ae_zoo.data.arrays("digits", "test")[3:4]
    z = model.encode(x)
    figure = Figure(figsize=(7.2, 2.1), dpi=120)
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, 7.2), ylim=(0, 2.1))
    ax.set_axis_off()
    for left, image in ((0.3, x), (5.7, model.decode(z))):
        ax.imshow(image[0], cmap="gray", extent=(left, left + 1.2, 0.6, 1.8))
    bars = (z[0] - z.min()) / (z.max() - z.min())
    for number, value in enumerate(bars):
        low, color = 0.62 + 0.147 * number, matplotlib.colormaps["viridis"](value)
        ax.add_patch(matplotlib.patches.Rectangle((3.45, low), 0.3, 0.125, color=color))
    for left, narrow_left in ((1.75, False), (4.05, True)):
        narrow, wide = (0.9, 1.5), (0.6, 1.8)
        ends = (narrow, wide) if narrow_left else (wide, narrow)
        corners = [(left, ends[0][0]), (left, ends[0][1])]
        corners += [(left + 1.4, ends[1][1]), (left + 1.4, ends[1][0])]
        ax.add_patch(matplotlib.patches.Polygon(corners, color="#e3e9f3"))
    labels = {0.9: "x ∈ ℝⁿ", 2.45: "encoder φ", 3.6: "z ∈ ℝᵈ"}
    labels |= {4.75: "decoder ψ", 6.3: "x̂ ∈ ℝⁿ"}
    for middle, text in labels.items():
        ax.text(middle, 0.3, text, ha="center", fontsize=11, fontfamily="DejaVu Sans")
    ax.set_aspect("auto")
    save(figure, "autoencoder")


def arc(n: int, noise: float = 0.05) -> np.ndarray:
    """Points near a curve in the plane, (n, 2): an arc with a bend."""
    random = np.random.default_rng(0)
    t = random.uniform(-1, 1, n)
    curve = np.stack([t, 0.8 * np.sin(2.4 * t)], axis=1)
    return (curve + noise * random.normal(size=(n, 2))).astype("float32")


def trained(cls: type, latent_dim: int, epochs: int = 200, **options: Any) -> Any:
    """Return a small model of the arc."""
    keras.utils.set_random_seed(1)
    encoder = networks.dense_encoder((2,), [32, 32, latent_dim], "tanh")
    decoder = networks.dense_decoder(latent_dim, [32, 32], (2,), "tanh", "linear")
    model = cls(encoder, decoder, reconstruction_loss="gaussian", **options)
    model.compile(keras.optimizers.Adam(3e-3))
    model.fit(arc(2000), batch_size=100, epochs=epochs, verbose=0)
    return model


def curve() -> None:
    """A line and a curve through the same points: linear and nonlinear, d = 1."""
    x = arc(300)
    figure, axes = canvas(7.4, 3.2, 2)
    center = x.mean(axis=0)
    direction = np.linalg.svd(x - center, full_matrices=False)[2][:1]
    line = center + np.linspace(-1.3, 1.3, 50)[:, None] * direction
    flat = center + (x - center) @ direction.T @ direction
    model = trained(ae_zoo.DeepAutoencoder, 1)
    codes = model.encode(x)
    bent = model.decode(np.linspace(codes.min(), codes.max(), 100)[:, None])
    for ax, (title, path, images) in zip(
        axes,
        [
            ("linear: the first principal component", line, flat),
            ("nonlinear: a one-dimensional manifold", bent, model.reconstruct(x)),
        ],
        strict=True,
    ):
        ax.scatter(*x.T, s=8, color=GRAY, linewidths=0)
        for start, end in zip(x[::6], images[::6], strict=True):
            ax.plot(*np.stack([start, end]).T, color=RED, linewidth=0.7)
        ax.plot(*path.T, color=BLUE, linewidth=2)
        ax.set_title(title, fontsize=10)
        ax.set_aspect("equal")
    save(figure, "curve")


def field() -> None:
    """Where a denoising autoencoder moves each point of the plane."""
    corruption = ae_zoo.corruptions.GaussianCorruption(0.25, clip=None)
    model = trained(ae_zoo.DenoisingAutoencoder, 2, 100, corruption=corruption)
    grid = np.stack(np.meshgrid(np.linspace(-1.4, 1.4, 22), np.linspace(-1.2, 1.2, 19)))
    points = grid.reshape(2, -1).T.astype("float32")
    steps = model.reconstruct(points) - points
    figure, ax = canvas(5.2, 4)
    ax.scatter(*arc(300).T, s=8, color=GRAY, linewidths=0)
    ax.quiver(*points.T, *steps.T, color=BLUE, width=0.003, angles="xy")
    ax.set_aspect("equal")
    save(figure, "denoising_field")


def sparse() -> None:
    """The codes of one digit: all eight values used, or few of 128."""
    x = ae_zoo.data.arrays("digits", "test")[3:4]
    figure, axes = canvas(7.4, 2.2, 2)
    for ax, name in zip(axes, ("undercomplete_digits", "sparse_digits"), strict=True):
        (code,) = ae_zoo.load(name).encode(x)
        ax.bar(range(len(code)), code, color=BLUE, width=0.8)
        ax.axhline(0, color=GRAY, linewidth=0.6)
        ax.set_title(f"{name}: d = {len(code)}", fontsize=10)
        ax.set(xlabel="unit", ylabel="activation")
    save(figure, "sparse_codes")


def contraction() -> None:
    """Singular values of the encoder's Jacobian, with and without the penalty."""
    import tensorflow as tf

    images = ae_zoo.data.arrays("digits", "train")
    x = tf.constant(ae_zoo.data.arrays("digits", "test")[:100])
    figure, ax = canvas(5.4, 3)
    for weight, color in ((0.0, GRAY), (0.1, BLUE)):
        keras.utils.set_random_seed(0)
        encoder = networks.dense_encoder((8, 8, 1), [64, 32], "tanh", "sigmoid")
        decoder = networks.dense_decoder(32, [64], (8, 8, 1), "tanh")
        model = ae_zoo.ContractiveAutoencoder(encoder, decoder, penalty_weight=weight)
        model.compile(keras.optimizers.Adam(3e-3))
        model.fit(images, batch_size=64, epochs=20, verbose=0)
        with tf.GradientTape() as tape:
            tape.watch(x)
            z = model.encoder(x)
        jacobian = tf.reshape(tape.batch_jacobian(z, x), (100, 32, 64))
        values = tf.linalg.svd(jacobian, compute_uv=False).numpy().mean(axis=0)
        ax.semilogy(range(1, 33), values, color=color, label=f"λ = {weight:g}")
    ax.set(
        xlabel="direction in the input space", ylabel="singular value of the Jacobian"
    )
    ax.legend(frameon=False)
    save(figure, "contraction")


def latent() -> None:
    """Codes by class, posteriors and the decoded plane of a VAE of digits, d = 2."""
    train, x = (ae_zoo.data.arrays("digits", split) for split in ("train", "test"))
    labels = ae_zoo.data.source("digits").stored("test")[1]
    keras.utils.set_random_seed(0)
    encoder = networks.dense_encoder((8, 8, 1), [128, 64], "tanh", "tanh")
    decoder = networks.dense_decoder(2, [64, 128], (8, 8, 1), "tanh")
    model = ae_zoo.VariationalAutoencoder(encoder, decoder)
    model.compile(keras.optimizers.Adam(2e-3))
    model.fit(train, batch_size=64, epochs=150, verbose=0)
    figure, (left, right) = canvas(9, 4, 2)
    plots.latent_scatter(model, x, labels, ax=left)
    left.set_title("means of q(z | x), by digit", fontsize=10)
    mean, log_var = model.posterior(x[:60])
    for (a, b), (s, t) in zip(mean, 2 * np.exp(0.5 * log_var), strict=True):
        ellipse = matplotlib.patches.Ellipse(
            (a, b), 2 * s, 2 * t, alpha=0.35, color=BLUE
        )
        right.add_patch(ellipse)
    for radius in (1, 2):
        circle = matplotlib.patches.Circle((0, 0), radius, fill=False, color=RED)
        right.add_patch(circle)
    right.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect="equal")
    right.set_title("q(z | x) of 60 digits at 2σ; prior at σ and 2σ", fontsize=10)
    save(figure, "latent")
    figure, ax = canvas(4.6, 4.6)
    plots.manifold(model, x, steps=16, ax=ax)
    save(figure, "manifold_digits")
    vae = ae_zoo.load("variational_digits")
    plots.interpolations(vae, x[:5], FIGURES / "interpolations.png", steps=10)
    figure, ax = canvas(6.4, 4.6)
    deep = ae_zoo.load("deep_digits")
    plots.latent_scatter(deep, x, labels, ax=ax)
    save(figure, "deep_codes")


def faces() -> None:
    """The latent plane of the face, and a walk through it as an animation."""
    model = ae_zoo.load("variational_frey_faces_2d")
    figure, ax = canvas(4.2, 5.6)
    plots.manifold(model, [], steps=11, ax=ax)
    save(figure, "manifold_faces")
    frames, width, height = 60, 160, 224
    turn = np.linspace(0, 2 * np.pi, frames, endpoint=False)
    path = np.stack([1.5 * np.sin(turn), 1.4 * np.sin(2 * turn)], axis=1)
    grid = np.linspace(-2, 2, 9)
    plane = np.stack(np.meshgrid(grid, grid[::-1]), axis=-1).reshape(-1, 2)
    tiles = _gray(model.decode(plane.astype("float32")))
    rows = tiles.reshape(9, 9, 28, 20).swapaxes(1, 2).reshape(252, 180)
    back = Image.fromarray(rows).resize((width, height), Image.Resampling.BICUBIC)
    images = []
    faces = _gray(model.decode(path.astype("float32")))
    for (a, b), face in zip(path, faces, strict=True):
        frame = Image.new("RGB", (2 * width + 12, height), "white")
        frame.paste(back, (0, 0))
        across, up = (a + 2.25) / 4.5 * width, (2.25 - b) / 4.5 * height
        pen = ImageDraw.Draw(frame)
        pen.ellipse((across - 6, up - 6, across + 6, up + 6), RED, "white", 2)
        large = Image.fromarray(face).resize((width, height), Image.Resampling.BICUBIC)
        frame.paste(large, (width + 12, 0))
        images.append(frame)
    images[0].save(
        FIGURES / "manifold.webp", save_all=True, append_images=images[1:],
        duration=70, loop=0, quality=60, method=6,
    )  # fmt: skip


def photograph() -> None:
    """A noisy photograph of 8 bits, and the output of the model."""
    from skimage import data

    clean = data.astronaut()[:400, 60:460].astype("float32") / 255
    noise = np.random.default_rng(0).standard_normal(clean.shape, "float32")
    noisy = np.round(255 * np.clip(clean + 40 / 255 * noise, 0, 1)) / 255
    # One color after the other, as `ae-zoo denoise` does with a model of gray images.
    colors = np.moveaxis(noisy, -1, 0)[..., None]
    output = ae_zoo.load("denoising_photos").reconstruct(colors)[..., 0]
    output = np.moveaxis(output, 0, -1)
    gap = np.ones((len(clean), 8, 3))
    picture = np.concatenate([noisy, gap, np.clip(output, 0, 1)], axis=1)
    Image.fromarray(np.round(255 * picture).astype("uint8")).save(
        FIGURES / "photograph.webp", quality=88, method=6
    )


def tutorials(*names: str) -> None:
    """The pictures that the tutorials write, or some of them."""
    pictures = {
        "clean_scans": {"clean_scans.png": "clean_scans.png"},
        "anomalies_in_a_csv": {"anomalies.png": "anomalies.png"},
        "faces": {"manifold.png": "faces_manifold.png", "codes.png": "faces_codes.png"},
        "to_a_phone": {"phone.png": "phone.png"},
    }
    for name in names or pictures:
        with tempfile.TemporaryDirectory() as folder:
            outputs = run_tutorial(name, pathlib.Path(folder))
            for source, target in pictures[name].items():
                image = Image.open(pathlib.Path(folder) / source).convert("RGB")
                image.thumbnail((1000, 1000))
                image.quantize(128).save(FIGURES / target, optimize=True)
        path = FIGURES.parent / "outputs" / f"{name}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps(outputs, indent=1, ensure_ascii=False) + "\n", "utf-8"
        )


def run_tutorial(name: str, folder: pathlib.Path) -> list[str]:
    """Run a tutorial in a folder, and return what each of its cells prints."""
    script = pathlib.Path(__file__).resolve().parent / "tutorials" / f"{name}.py"
    names: dict[str, Any] = {"__name__": name}
    outputs = []
    with contextlib.chdir(folder):
        for cell in jupytext.read(script, fmt="py:percent").cells:
            printed = io.StringIO()
            if cell.cell_type == "code":
                with contextlib.redirect_stdout(printed):
                    exec(cell.source, names)
            outputs.append(printed.getvalue())
    return outputs


def _gray(images: np.ndarray) -> np.ndarray:
    return (255 * np.clip(images[..., 0], 0, 1)).astype("uint8")


DRAW = {
    function.__name__: function
    for function in (
        autoencoder,
        curve,
        field,
        sparse,
        contraction,
        latent,
        faces,
        photograph,
        tutorials,
    )  # fmt: skip
}

if __name__ == "__main__":
    for chosen in sys.argv[1:] or DRAW:
        print(chosen, flush=True)
        DRAW[chosen]()
