"""Image files through a model, one by one: `denoise` and `reconstruct`."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ae_zoo.cli import _outputs, _pictures
from ae_zoo.cli._use import User, files_of, print_json, progress


def pairs(inputs: list[Path], output: Path) -> list[tuple[Path, Path]]:
    """Return each input file with the path of its output.

    A single file goes to `output`, or into it if it is a folder or ends in a slash.
    Files of folders keep their places below `output`.

    Raises:
        ValueError: Two inputs would have the same output; or several files have a
            file as output.
    """
    from ae_zoo.data.own.decoding import SUFFIXES

    is_one = len(inputs) == 1 and not inputs[0].is_dir()
    if is_one and output.suffix.lower() in SUFFIXES and not output.is_dir():
        return [(files_of(inputs)[0], output)]
    if is_one and output.is_file():
        raise ValueError(
            f"'{output}' is a file, and its name does not end in one of "
            f"{', '.join(SUFFIXES)}. Name an image file or a folder."
        )
    if output.suffix.lower() in SUFFIXES or output.is_file():
        raise ValueError(
            f"Several files go to a folder. Received: '{output}'. Name a folder."
        )
    found: dict[Path, Path] = {}
    for path in inputs:
        for file in files_of([path]):
            name = file.relative_to(path) if path.is_dir() else Path(file.name)
            target = output / name
            if target in found:
                raise ValueError(
                    f"'{found[target]}' and '{file}' would both be written to "
                    f"'{target}'. Give them folders of their own."
                )
            found[target] = file
    return [(file, target) for target, file in found.items()]


def checked_pairs(
    options: argparse.Namespace, inputs: list[Path]
) -> list[tuple[Path, Path]]:
    """Return `pairs`, after checking that the outputs can be written.

    Raises:
        FileExistsError: An output exists.
        ValueError: As `pairs`.
    """
    jobs = pairs(inputs, options.output)
    for _, target in jobs:
        is_compared = getattr(options, "compare", False)
        for path in [target, *([_compared(target)] if is_compared else [])]:
            _outputs.check_free(path, options.overwrite)
    return jobs


def run(user: User, options: argparse.Namespace, inputs: list[Path]) -> int:
    """Process image files; return the exit status.

    A file that cannot be read is named, and the others are processed.
    """
    jobs = checked_pairs(options, inputs)
    compares = getattr(options, "compare", False)
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for file, target in progress(jobs, "Images"):
        started = time.perf_counter()
        try:
            picture = _pictures.read(file)
            result = user.reconstructed(picture, file, options.tile)
            content = _pictures.encode(result, target)
        except ValueError as error:
            if len(jobs) == 1:
                raise
            failed.append({"input": str(file), "error": str(error)})
            print(f"ae-zoo: {error}", file=sys.stderr)
            continue
        for loss in _pictures.limits(picture, target.suffix):
            user.notes.say(f"In {target.suffix} files, {loss}.")
        _outputs.write(target, content, options.overwrite)
        if compares:
            both = _pictures.side_by_side(picture, result)
            path = _compared(target)
            _outputs.write(path, _pictures.encode(both, path), options.overwrite)
        seconds = round(time.perf_counter() - started, 3)
        done.append({"input": str(file), "output": str(target), "seconds": seconds})
    _report(user, options, done, failed)
    return 1 if failed else 0


def _compared(target: Path) -> Path:
    return target.with_name(f"{target.stem}_compare.png")


def _report(
    user: User, options: argparse.Namespace, done: list[Any], failed: list[Any]
) -> None:
    if options.json:
        facts = {"model": user.name, "files": done, "failed": failed}
        print_json({**facts, "notes": user.notes.texts})
        return
    if len(done) == 1:
        print(f"Wrote {done[0]['output']}")
    else:
        print(f"Wrote {len(done)} images to {options.output}")
    if failed:
        names = ", ".join(row["input"] for row in failed[:5])
        print(f"{len(failed)} of {len(done) + len(failed)} failed: {names}")
