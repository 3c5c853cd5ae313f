"""`ae-zoo score`."""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np

from ae_zoo.cli import _outputs, _tables
from ae_zoo.cli._use import User, add_inputs, add_json, add_overwrite, print_json
from ae_zoo.cli.options import add_model, seed

HELP = "Show the anomaly score of images, or of the rows of NPY or CSV files."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_inputs(parser)
    parser.add_argument(
        "--output", type=Path, metavar="OUT", help="write a .csv or .npy file instead"
    )
    add_overwrite(parser)
    parser.add_argument(
        "--seed", type=seed, default=0, help="of the draws of variational models"
    )
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    output = options.output
    if output is not None:
        _tables.check_suffix(output)
        _outputs.check_free(output, options.overwrite)
    user = User(options.model)
    names, arrays = user.read(options.inputs)
    scores = np.concatenate(
        [np.asarray(user.model.score(x, seed=options.seed)) for x in arrays]
    )
    if output is not None:
        content = _csv(names, scores)
        if output.suffix.lower() == ".npy":
            content = _tables.encode(scores, ".npy")
        _outputs.write(output, content, options.overwrite)
    if options.json:
        rows = [
            {"sample": name, "score": float(score)}
            for name, score in zip(names, scores, strict=True)
        ]
        print_json({"model": user.name, "scores": rows, "notes": user.notes.texts})
    elif output is not None:
        print(f"Wrote {len(scores):,} scores to {output}")
    else:
        print(_csv(names, scores).decode(), end="")


def _csv(names: list[str], scores: np.ndarray) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["sample", "score"])
    writer.writerows(
        [name, f"{score:.9g}"] for name, score in zip(names, scores, strict=True)
    )
    return text.getvalue().encode()
