"""Records that describe an export format and a single export."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from ae_zoo.models import Autoencoder
    from ae_zoo.models.endpoints import Endpoint

# The signatures of a written file, by name: functions of named arrays to named arrays.
Runners = Mapping[str, Callable[..., Mapping[str, np.ndarray]]]


class Job(NamedTuple):
    """The settings of a single export.

    Attributes:
        model: The model.
        endpoints: Functions of the model that the file holds, by name.
        target: Path to write; its folder is private to the export.
        batch_size: Static batch size, or None to leave it open.
        quantization: As in `ae_zoo.export.export_model`.
        calibration: (samples, ...) typical inputs, or None.
    """

    model: Autoencoder
    endpoints: Mapping[str, Endpoint]
    target: pathlib.Path
    batch_size: int | None
    quantization: str | None = None
    calibration: Any = None


class Format(NamedTuple):
    """A format of exported models.

    Attributes:
        name: Value of `format` in `export_model`.
        suffix: Suffix of the file; empty for a directory.
        default_batch_size: Static batch size, or None to leave it open.
        write: Writes the file of a job and returns functions that run its signatures.
        draws_from_seeds: Whether a file can draw random numbers from a seed.
        has_one_signature: Whether a file holds a single signature.
        chooses_signature: Whether a file can be limited to one signature.
        has_description: Whether a description is written next to the file.
        has_fixed_sizes: Whether a file cannot leave sizes of images open.
    """

    name: str
    suffix: str
    default_batch_size: int | None
    write: Callable[[Job], Runners]
    draws_from_seeds: bool = False
    has_one_signature: bool = False
    chooses_signature: bool = False
    has_description: bool = False
    has_fixed_sizes: bool = False
