"""Where a model was loaded from, and whether it still is what was loaded."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ae_zoo._checks import argument_names

if TYPE_CHECKING:
    from ae_zoo.models.autoencoder import Autoencoder


@dataclasses.dataclass(frozen=True)
class Origin:
    """The model folder that a model was loaded from.

    Attributes:
        card: The card of the folder, read-only.
        sha256: Hexadecimal digest of its `model.keras`.
        fingerprint: `fingerprint(model)` of the model as it was loaded.
    """

    card: Mapping[str, Any]
    sha256: str
    fingerprint: str


def fingerprint(model: Autoencoder, base: type) -> str:
    """Return a digest of the weights and the arguments of a model.

    Args:
        model: The model.
        base: The most general class whose constructor arguments count.
    """
    digest = hashlib.blake2b(digest_size=16)
    for name in argument_names(type(model), base):
        value = getattr(model, name)
        if hasattr(value, "get_config"):
            if hasattr(value, "weights"):  # a layer, whose weights follow
                continue
            value = value.get_config()
        digest.update(f"{name}={value!r};".encode())
    for weight in model.weights:
        values = weight.numpy()
        digest.update(f"{values.shape}{values.dtype}".encode())
        digest.update(values.tobytes())
    return digest.hexdigest()
