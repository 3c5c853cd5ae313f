"""Writes what stands for inputs of a visitor's own, into `static/`.

`samples.json` has test samples of scikit-learn's digits (UCI, CC BY 4.0), which no
model of MNIST has seen; for these models they are converted to the style of MNIST.
`pictures/` has a photograph and a face that scikit-image ships (CC0 and public domain),
and a stained page, which is drawn here.
Command: python web/make_samples.py
"""

import base64
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont
from skimage import data as pictures

from ae_zoo import data, evaluation

STATIC = Path(__file__).parent / "static"
OF_EACH = 2
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine "
    "Learning Repository, CC BY 4.0; the copy in scikit-learn, BSD-3-Clause"
)


def write_digits() -> None:
    test = evaluation.read_split(data.source("digits"), "test")
    labels = test.known_labels()
    rows = np.concatenate(
        [np.flatnonzero(labels == digit)[:OF_EACH] for digit in range(10)]
    )
    x = test.x[rows]
    small = np.rint(x.reshape(len(x), -1) * 16).astype(int)
    large = np.rint(data.mnist_style(x) * 255).astype(np.uint8)
    content = {
        "source": SOURCE,
        "labels": labels[rows].tolist(),
        "small": small.tolist(),
        "large": [base64.b64encode(image.tobytes()).decode() for image in large],
    }
    text = json.dumps(content, separators=(",", ":"))
    (STATIC / "samples.json").write_text(text + "\n", "utf-8")


TEXT = """An autoencoder has two parts. The encoder
maps an input to a code, and the decoder
maps the code back to an output that is
as near to the input as it can be.

A model that sees spoiled inputs while it
is trained, and is compared with the clean
ones, learns to take the damage away: it
knows what pages look like, and a stain
is no part of them."""
PAGE = (420, 270)


def write_pictures() -> None:
    folder = STATIC / "pictures"
    folder.mkdir(exist_ok=True)
    cat = Image.fromarray(pictures.chelsea())
    cat.save(folder / "cat.jpg", quality=92)
    face = Image.fromarray(pictures.astronaut()[52:177, 163:288]).convert("L")
    face.resize((128, 128), Image.Resampling.LANCZOS).save(
        folder / "face.jpg", quality=92
    )
    stained_page().save(folder / "page.jpg", quality=92)


def stained_page() -> Image.Image:
    page = Image.new("L", PAGE, 250)
    font = ImageFont.load_default(17)
    ImageDraw.Draw(page).multiline_text((22, 18), TEXT, fill=25, font=font, spacing=7)
    stain = Image.new("L", PAGE, 255)
    drawing = ImageDraw.Draw(stain)
    drawing.ellipse((230, 90, 390, 250), outline=150, width=10)
    drawing.ellipse((-60, -80, 150, 110), fill=205)
    drawing.line((0, 190, 420, 160), fill=190, width=8)
    grain = np.random.default_rng(0).normal(0, 6, PAGE[::-1])
    paper = np.asarray(stain.filter(ImageFilter.GaussianBlur(3)), float) + grain
    values = np.asarray(page, float) * np.clip(paper, 0, 255) / 255
    return Image.fromarray(values.astype(np.uint8))


def main() -> None:
    write_digits()
    write_pictures()


if __name__ == "__main__":
    main()
