"""Checks of the options of `Images`, and what the files decide where they are None."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ae_zoo._checks import check_boolean, check_count
from ae_zoo.data.own import decoding, listing


def checked_size(image_size: Any) -> tuple[int, int] | None:
    if image_size is None:
        return None
    if not isinstance(image_size, tuple | list) or len(image_size) != 2:
        raise TypeError(
            "`image_size` must be the pair (height, width), or None. Received: "
            f"{image_size!r}"
        )
    height, width = (
        check_count(f"image_size[{axis}]", size) for axis, size in enumerate(image_size)
    )
    return height, width


def check_choices(options: dict[str, Any]) -> None:
    choices: dict[str, tuple[Any, ...]] = {
        "color_mode": (*decoding.CHANNELS, None),
        "interpolation": decoding.INTERPOLATIONS,
        "crop": ("center", "random", None),
        "labels": ("inferred", None),
    }
    for key, known in choices.items():
        if options[key] not in known:
            raise ValueError(
                f"`{key}` must be one of {list(known)}. Received: {options[key]!r}"
            )
    for key in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
        check_boolean(key, options[key])
    ways = [
        key
        for key in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "crop")
        if options[key]
    ]
    if len(ways) > 1:
        raise ValueError(f"{' and '.join(ways)} exclude each other. Set one of them.")
    if options["crop"] and options["image_size"] is None:
        raise ValueError("`crop` needs `image_size`, the size of the parts.")
    groups = options["groups"]
    if groups not in (None, "folder") and not callable(groups):
        raise TypeError(
            "`groups` must be 'folder', a function of a relative path, or None. "
            f"Received: {groups!r}"
        )


def only_size(headers: dict[Path, Any]) -> tuple[int, int]:
    sizes: dict[tuple[int, int], Path] = {}
    for path, header in headers.items():
        sizes.setdefault(header.size, path)
    if len(sizes) > 1:
        examples = [f"{h}×{w} ({path.name})" for (h, w), path in sizes.items()]
        raise ValueError(
            f"The images differ in size: {listing.named(examples)}. Set "
            "image_size=(height, width) to resize them, with crop_to_aspect_ratio=True "
            "or pad_to_aspect_ratio=True to keep their aspect ratio."
        )
    return next(iter(sizes))


def only_kind(headers: dict[Path, Any]) -> str:
    kinds: dict[str, list[Path]] = {}
    for path, header in headers.items():
        if header is not None:
            kinds.setdefault(header.kind, []).append(path)
    if len(kinds) == 1 and next(iter(kinds)) in decoding.CHANNELS:
        return next(iter(kinds))
    examples = [
        f"{len(paths)} {kind} ({paths[0].name})" for kind, paths in kinds.items()
    ]
    wanted = list(decoding.CHANNELS)
    raise ValueError(
        f"The images have different channels: {listing.named(examples)}. Set "
        f"color_mode to one of {wanted} to convert them."
    )
