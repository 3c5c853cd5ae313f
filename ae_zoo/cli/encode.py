"""`ae-zoo encode`."""

from __future__ import annotations

import argparse

import numpy as np

from ae_zoo.cli import _outputs, _tables
from ae_zoo.cli._use import User, add_inputs, add_json, add_output, print_json
from ae_zoo.cli.options import add_model

HELP = "Write the latent codes of images, NPY or CSV files."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser)
    add_inputs(parser)
    add_output(parser, ".npy or .csv file, one row for each sample")
    add_json(parser)


def run(options: argparse.Namespace) -> None:
    _tables.check_suffix(options.output)
    _outputs.check_free(options.output, options.overwrite)
    user = User(options.model)
    names, arrays = user.read(options.inputs)
    codes = [user.model.encode(x) for x in arrays]
    if len({code.shape[1:] for code in codes}) > 1:
        raise ValueError(
            f"The codes of '{user.name}' grow with the image, and these images differ "
            "in size. Encode images of one size at a time."
        )
    z = np.concatenate(codes)
    _outputs.write(
        options.output, _tables.encode(z, options.output.suffix), options.overwrite
    )
    if options.json:
        facts = {"model": user.name, "output": str(options.output), "shape": z.shape}
        print_json({**facts, "samples": names, "notes": user.notes.texts})
    else:
        print(f"Wrote {len(z):,} codes of shape {z.shape[1:]} to {options.output}")
