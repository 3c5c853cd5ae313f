"""`ae-zoo detect`."""

from __future__ import annotations

import argparse
import csv
import io
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo.cli import _detection, _outputs, _quiet
from ae_zoo.cli._use import Notes, add_json, add_overwrite, print_json
from ae_zoo.cli.options import positive_integer, seed

if TYPE_CHECKING:
    import pyarrow as pa

    from ae_zoo.estimators import AutoencoderDetector

HELP = "Find the odd rows of a table or a series, and the columns to blame."
_SHOWN = 20  # flagged rows that are printed
_BLAMED = 3  # columns of a row that are named


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "train",
        type=Path,
        metavar="TRAIN",
        help="CSV or Parquet file of normal rows, or a folder that --save wrote",
    )
    parser.add_argument(
        "new", type=Path, metavar="NEW", help="CSV or Parquet file of the rows to judge"
    )
    parser.add_argument(
        "--window",
        type=positive_integer,
        metavar="N",
        help="judge windows of N rows, for series in the order of time",
    )
    parser.add_argument(
        "--columns",
        metavar="A,B,…",
        help="columns to use; default: all but times",
    )
    parser.add_argument("--label", metavar="NAME", help="column to leave out")
    parser.add_argument(
        "--contamination",
        type=float,
        metavar="SHARE",
        help="share of anomalies in TRAIN, above 0 and at most 0.5; default: none",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="OUT",
        help="CSV file of the scores; default: NEW-scores.csv in this folder",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="PNG", help="draw rows, scores and flagged rows"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FOLDER", help="keep the trained detector"
    )
    parser.add_argument("--seed", type=seed, default=0, help="default: 0")
    add_overwrite(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    output = options.output or Path(f"{options.new.stem}-scores.csv")
    _check_outputs(options, output)
    notes = Notes()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        files = _detection.read_files(options)
        _quiet.load_tensorflow()
        if files is None:
            detector, new = _detection.loaded(options)
        else:
            detector, new = _detection.trained(options, files, notes), files.new
        columns = new.values.column_names
        scores = -detector.score_samples(new.values)
        flagged = detector.predict(new.values) == -1
        shares = detector.explain(new.values)
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            notes.say(str(warning.message))
    contents = {output: _csv(scores, flagged, shares, columns)}
    if options.plot is not None:
        contents[options.plot] = _figure(options.plot, detector, new.values, columns)
    # Nothing is written before all of it is computed.
    if options.save is not None:
        detector.save(options.save, overwrite=options.overwrite)
    for target, content in contents.items():
        _outputs.write(target, content, options.overwrite)
    found = [
        {
            "row": int(row) + 1,
            **({"time": new.times[row]} if new.times else {}),
            "score": float(scores[row]),
            "columns": _blamed(shares[row], columns),
        }
        for row in np.flatnonzero(flagged)
    ]
    threshold = -detector.offset_
    if options.json:
        facts = {"rows": len(scores), "threshold": threshold, "flagged": found}
        print_json({**facts, "scores": str(output), "notes": notes.texts})
        return
    _print(found, len(scores), threshold)
    for what, path in (
        ("scores", output),
        ("figure", options.plot),
        ("detector", options.save),
    ):
        if path is not None:
            print(f"{what.capitalize():9}{path}")


def _check_outputs(options: argparse.Namespace, output: Path) -> None:
    """Check all paths before anything is trained."""
    if output.suffix.lower() != ".csv":
        raise ValueError(f"--output must end in .csv. Received: '{output}'")
    _outputs.check_free(output, options.overwrite)
    if options.plot is not None:
        if options.plot.suffix.lower() not in (".png", ".svg", ".pdf"):
            raise ValueError(
                f"--plot must end in .png, .svg or .pdf. Received: '{options.plot}'"
            )
        _outputs.check_free(options.plot, options.overwrite)
        from ae_zoo.plots import _canvas

        _canvas.check_installed()
    if options.save is not None and os.path.lexists(options.save):
        if not options.overwrite:
            raise FileExistsError(
                f"'{options.save}' exists. Choose another folder, or replace it with "
                "--overwrite."
            )
        _quiet.load_tensorflow()
        from ae_zoo.estimators import folder

        folder.check_free(options.save, overwrite=True)


def _figure(
    path: Path, detector: AutoencoderDetector, values: pa.Table, columns: list[str]
) -> bytes:
    """Draw the rows, their scores and the flagged ones in the format of `path`."""
    from ae_zoo import _staging, plots

    with _staging.scratch() as private:
        plots.anomalies(detector, values, private / path.name, columns, first_row=1)
        return (private / path.name).read_bytes()


def _csv(
    scores: np.ndarray, flagged: np.ndarray, shares: np.ndarray, columns: list[str]
) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "score", "flagged", *(f"share of {c}" for c in columns)])
    for row, (score, flag) in enumerate(zip(scores, flagged, strict=True)):
        values = (f"{share:.4f}" for share in shares[row])
        writer.writerow([row + 1, f"{score:.6g}", int(flag), *values])
    return text.getvalue().encode()


def _blamed(shares: np.ndarray, columns: list[str]) -> dict[str, float]:
    """The columns with the largest shares that are above an equal share."""
    first = np.argsort(-shares, kind="stable")[:_BLAMED]
    equal = 1 / len(shares)
    return {
        columns[c]: round(float(shares[c]), 4)
        for place, c in enumerate(first)
        if place == 0 or shares[c] > equal
    }


def _print(found: list[dict[str, Any]], rows: int, threshold: float) -> None:
    print(f"{len(found):,} of {rows:,} rows flagged (score above {threshold:.4g})")
    worst = sorted(found, key=lambda entry: -entry["score"])[:_SHOWN]
    if worst:
        when = "  time                   " if "time" in worst[0] else ""
        print(f"\n{'row':>8}  {'score':>9}{when}  columns to blame")
    for entry in sorted(worst, key=lambda entry: entry["row"]):
        when = f"  {entry['time']!s:23}" if "time" in entry else ""
        blamed = ", ".join(f"{c} {s:.0%}" for c, s in entry["columns"].items())
        print(f"{entry['row']:>8}  {entry['score']:>9.4g}{when}  {blamed}")
    if len(found) > len(worst):
        print(f"… the {len(worst)} with the largest scores of {len(found):,}")
    print()
