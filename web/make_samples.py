"""Writes `static/samples.json`: digits that stand for inputs of a visitor's own.

They are test samples of scikit-learn's digits (UCI, CC BY 4.0), which no model of MNIST
has seen; for these models they are converted to the style of MNIST.
Command: python web/make_samples.py
"""

import base64
import json
from pathlib import Path

import numpy as np

from ae_zoo import data, evaluation

TARGET = Path(__file__).parent / "static" / "samples.json"
OF_EACH = 2
SOURCE = (
    "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine "
    "Learning Repository, CC BY 4.0; the copy in scikit-learn, BSD-3-Clause"
)


def main() -> None:
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
    TARGET.write_text(json.dumps(content, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
