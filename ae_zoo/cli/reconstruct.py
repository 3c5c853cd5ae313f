"""`ae-zoo reconstruct`."""

from __future__ import annotations

import argparse

from ae_zoo.cli import _outputs, _restore, _tables
from ae_zoo.cli._use import User, add_inputs, add_json, add_output, files_of, print_json
from ae_zoo.cli.options import add_model, positive_integer

HELP = "Write the output of a model for images, NPY or CSV files."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_inputs(parser, "image files or folders, or one .npy or .csv file of samples")
    add_output(parser, "a file of the same kind, or a folder for several images")
    parser.add_argument(
        "--tile",
        type=positive_integer,
        metavar="N",
        help="side of the tiles of large images, in pixels",
    )
    add_json(parser)


def run(options: argparse.Namespace) -> int | None:
    inputs = options.inputs
    tables = [p for p in files_of(inputs) if p.suffix.lower() in _tables.SUFFIXES]
    if not tables:
        _restore.checked_pairs(options, inputs)
        return _restore.run(User(options.model), options, inputs)
    if len(tables) > 1 or len(inputs) > 1:
        raise ValueError("Pass one .npy or .csv file, or images alone.")
    _tables.check_suffix(options.output)
    _outputs.check_free(options.output, options.overwrite)
    rows = _tables.read(tables[0])
    user = User(options.model)
    x = user.as_samples(rows.x, tables[0])
    user.look_at(x)
    content = _tables.encode(
        user.model.reconstruct(x), options.output.suffix, rows.header
    )
    _outputs.write(options.output, content, options.overwrite)
    if options.json:
        facts = {"model": user.name, "output": str(options.output), "samples": len(x)}
        print_json({**facts, "notes": user.notes.texts})
    else:
        print(f"Wrote {len(x):,} samples to {options.output}")
    return None
