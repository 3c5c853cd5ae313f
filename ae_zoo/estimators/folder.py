"""Fitted estimators as bytes and as folders, which are checked before they are read."""

from __future__ import annotations

import io
import json
import os
import pathlib
import tempfile
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ae_zoo import _staging
from ae_zoo._bounds import MAX_CARD, MIB
from ae_zoo._reading import UnsafeModelError, parse_json, read_limited
from ae_zoo.estimators.scoring import ScoreState
from ae_zoo.models import Autoencoder
from ae_zoo.zoo import checksums, safe_load, writing

if TYPE_CHECKING:
    from ae_zoo.estimators.detector import AutoencoderDetector

SETTINGS = "detector.json"
ARRAYS = "detector.npz"
_FORMAT_VERSION = 1
_MOST_BYTES = 256 * MIB  # of the arrays
_ARRAYS = {"residual_scale": 1, "memory": 2, "typical_sizes": 1}  # and their axes


def to_bytes(model: Autoencoder) -> bytes:
    """Return a model as the bytes of a `.keras` file, without its optimizer."""
    with tempfile.TemporaryDirectory(prefix="ae_zoo-") as private:
        path = pathlib.Path(private, checksums.MODEL)
        writing.without_optimizer(model).save(path)
        return path.read_bytes()


def from_bytes(data: bytes) -> Autoencoder:
    """Read a model from the bytes of a `.keras` file that is checked first.

    Raises:
        UnsafeModelError: A ValueError. The bytes hold something that is not allowed.
    """
    with tempfile.TemporaryDirectory(prefix="ae_zoo-") as private:
        path = pathlib.Path(private, checksums.MODEL)
        path.write_bytes(data)
        model: Any = safe_load.load_model(path, expected=Autoencoder)
    return model


def save(
    detector: AutoencoderDetector, path: str | os.PathLike[str], overwrite: bool
) -> None:
    """Write the folder of a detector; see `AutoencoderDetector.save`."""
    path = pathlib.Path(path)
    check_free(path, overwrite)
    with _staging.explained(path), _staging.replacement(path) as new:
        new.mkdir()
        writing.without_optimizer(detector.model_).save(new / checksums.MODEL)
        state = detector._state
        np.savez(
            new / ARRAYS,
            residual_scale=state.residual_scale,
            memory=state.memory,
            typical_sizes=detector.typical_sizes_,
        )
        text = json.dumps(_settings(detector), indent=2, ensure_ascii=False) + "\n"
        (new / SETTINGS).write_text(text, "utf-8")
        checksums.write_checksums(new)


def check_free(path: pathlib.Path, overwrite: bool) -> None:
    """Check that a folder can be written.

    Raises:
        FileExistsError: It exists and may not be replaced.
    """
    if not os.path.lexists(path):
        return
    if not overwrite:
        raise FileExistsError(f"'{path}' exists. Pass overwrite=True to replace it.")
    is_detector = (path / SETTINGS).exists()
    if not path.is_dir() or (any(path.iterdir()) and not is_detector):
        raise FileExistsError(
            f"'{path}' exists and holds no detector, so it is not replaced. Choose "
            "another path, or remove it first."
        )


def _settings(detector: AutoencoderDetector) -> dict[str, Any]:
    parameters = detector.get_params(deep=False)
    if callable(parameters["model"]):
        parameters["model"] = None
    if not isinstance(parameters["random_state"], int | None):
        parameters["random_state"] = None
    names = getattr(detector, "feature_names_in_", None)
    return {
        "format_version": _FORMAT_VERSION,
        "parameters": parameters,
        "n_neighbors": detector._state.n_neighbors,
        "offset": detector.offset_,
        "n_features_in": detector.n_features_in_,
        "feature_names_in": None if names is None else list(names),
    }


def load(
    cls: type[AutoencoderDetector],
    path: str | os.PathLike[str],
    custom_objects: Mapping[str, object] | None,
) -> AutoencoderDetector:
    """Read the folder of a detector; see `AutoencoderDetector.load`."""
    path = pathlib.Path(path)
    if not path.exists():
        _staging.repair(path.parent)
    if not path.is_dir():
        raise FileNotFoundError(f"There is no folder '{path}'.")
    if not (path / SETTINGS).exists():
        raise FileNotFoundError(
            f"'{path}' holds no detector: no {SETTINGS} in it. "
            "`AutoencoderDetector.save` writes such folders."
        )
    digests = checksums.verify_checksums(path)
    for name in (SETTINGS, ARRAYS):
        if name not in digests:
            raise UnsafeModelError(f"Its {checksums.CHECKSUMS} does not list {name}.")
    model: Any = safe_load.load_model(
        path, custom_objects, digests[checksums.MODEL], Autoencoder
    )
    try:
        settings = parse_json(read_limited(path / SETTINGS, MAX_CARD), SETTINGS)
        arrays = _read_arrays(read_limited(path / ARRAYS, _MOST_BYTES))
        return _assembled(cls, model, settings, arrays)
    except UnsafeModelError as error:
        raise error.of(path) from None
    except (KeyError, TypeError, ValueError) as error:
        raise UnsafeModelError(f"{SETTINGS} is not valid: {error}", path) from None


def _read_arrays(data: bytes) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > _MOST_BYTES:
            raise UnsafeModelError(f"{ARRAYS} unpacks to more than {_MOST_BYTES:,}.")
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in _ARRAYS}
    except UnsafeModelError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy each have their own
        raise UnsafeModelError(f"{ARRAYS} cannot be read: {error}") from None
    for name, axes in _ARRAYS.items():
        array = arrays[name]
        if array.dtype.kind != "f" or array.ndim != axes:
            raise UnsafeModelError(f"{ARRAYS}: '{name}' has the wrong type or shape.")
        if not np.isfinite(array).all():
            raise UnsafeModelError(
                f"{ARRAYS}: '{name}' holds values that are not finite."
            )
    return arrays


def _assembled(
    cls: type[AutoencoderDetector],
    model: Autoencoder,
    settings: Any,
    arrays: dict[str, np.ndarray],
) -> AutoencoderDetector:
    if settings.get("format_version") != _FORMAT_VERSION:
        raise UnsafeModelError(
            f"{SETTINGS} has format_version {settings.get('format_version')!r}; this "
            f"version of ae_zoo reads {_FORMAT_VERSION}."
        )
    parameters = dict(settings["parameters"])
    if parameters["model"] is None:  # a function, which no file holds
        parameters["model"] = "denoising"
    detector = cls(**parameters)
    detector._check_parameters()
    detector.model_ = model
    detector.n_features_in_ = int(settings["n_features_in"])
    if settings["feature_names_in"] is not None:
        names = [str(name) for name in settings["feature_names_in"]]
        detector.feature_names_in_ = np.array(names, dtype=object)
    detector.offset_ = float(settings["offset"])
    detector.typical_sizes_ = arrays["typical_sizes"]
    size = int(np.prod(model.sample_shape))
    scale, memory = arrays["residual_scale"], arrays["memory"]
    if scale.shape != (size,) or memory.shape[1] != 2 * size:
        raise UnsafeModelError(f"{ARRAYS} does not fit the model.")
    count = int(settings["n_neighbors"])
    detector._attach(ScoreState(scale, memory, count))
    return detector
