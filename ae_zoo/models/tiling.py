"""Large images in overlapping tiles: bounded memory, and no seams."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from ae_zoo._checks import check_integer

# Images with more pixels than this are tiled, and batches of images of open size hold
# no more pixels. A network of 64 channels then needs some 2 GB.
PIXELS = 2**21
# Side of a tile, if none is given.
TILE = 1024
# Where the receptive field of a network is unknown, or larger than this.
_MOST = 128
_UNKNOWN_GRID = 64
# Pixels over which two tiles are blended.
_RAMP = 16


class Plan(NamedTuple):
    """How images are cut into tiles.

    Attributes:
        tile: (height, width) of a tile at most, multiples of `grid`.
        margin: Pixels at an inner border of a tile that are not used: what is beyond
            the border would change them.
        grid: Tiles begin at multiples of this.
    """

    tile: tuple[int, int]
    margin: int
    grid: int


def check_tile(tile: Any) -> tuple[int, int]:
    """Check the argument `tile`, a size or (height, width).

    Raises:
        TypeError, ValueError: It is not one or two positive integers.
    """
    sizes = tile if isinstance(tile, tuple | list) else (tile, tile)
    if len(sizes) != 2:
        raise ValueError(
            f"`tile` must be one size or (height, width), in pixels. Received: {tile!r}"
        )
    height, width = (
        check_integer("tile", size, 1, alternatives=" or (height, width)")
        for size in sizes
    )
    return height, width


def plan(tile: tuple[int, int] | None, field: tuple[int, int] | None) -> Plan:
    """Choose tiles for a network.

    Args:
        tile: (height, width) of a tile, or None.
        field: (radius, grid) of the network's receptive field, or None.

    Raises:
        ValueError: The tile is too small to overlap with its neighbors.
    """
    radius, grid = (_MOST, _UNKNOWN_GRID) if field is None else field
    margin = min(radius, _MOST)
    overlap = 2 * margin + _RAMP
    least = -(-2 * overlap // grid) * grid
    if tile is None:
        side = max(TILE, least)
        return Plan((-(-side // grid) * grid,) * 2, margin, grid)
    if min(tile) < least:
        raise ValueError(
            f"`tile` must be at least {least} pixels high and wide: tiles of this "
            f"model overlap by {overlap} pixels. Received: {tile}"
        )
    height, width = (side // grid * grid for side in tile)
    return Plan((height, width), margin, grid)


def in_tiles(
    function: Callable[[np.ndarray], np.ndarray], image: np.ndarray, plan: Plan
) -> np.ndarray:
    """Apply a function of images to a large image, tile by tile.

    Args:
        function: (1, height, width, channels) to (1, height, width, channels).
        image: (height, width, channels).
        plan: The tiles.

    Returns:
        (height, width, channels): what `function` returns for the whole image, if no
        pixel depends on others that are farther away than the margin of the plan.
    """
    rows, columns = (
        [*_spans(size, tile, plan)]
        for size, tile in zip(image.shape[:2], plan.tile, strict=True)
    )
    result: np.ndarray | None = None
    for row, row_weight in rows:
        for column, column_weight in columns:
            output = np.asarray(function(image[None, row, column])[0])
            if result is None:
                result = np.zeros((*image.shape[:2], output.shape[-1]), output.dtype)
            weight = row_weight[:, None, None] * column_weight[None, :, None]
            result[row, column] += weight * output
    assert result is not None  # noqa: S101  # an image has a row and a column
    return result


def _spans(length: int, tile: int, plan: Plan) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield the pixels of each tile along an axis, and their weights.

    The weights of all tiles add up to 1 at each pixel. They are 0 in the margin of an
    inner border, and rise over the ramp beside it.
    """
    overlap = 2 * plan.margin + _RAMP
    if length <= tile:
        yield slice(0, length), np.ones(length, np.float32)
        return
    count = math.ceil((length - overlap) / (tile - overlap))
    # Equal steps, so that the last tile is not a sliver.
    step = -(-math.ceil((length - overlap) / count) // plan.grid) * plan.grid
    step = min(step, (tile - overlap) // plan.grid * plan.grid)
    rise = np.clip((np.arange(overlap) - plan.margin + 0.5) / _RAMP, 0, 1)
    rise = rise.astype(np.float32)
    start = 0
    while True:
        stop = min(start + step + overlap, length)
        weight = np.ones(stop - start, np.float32)
        if start > 0:
            weight[:overlap] *= rise
        if stop < length:
            weight[-overlap:] *= 1 - rise
        yield slice(start, stop), weight
        if stop == length:
            return
        start += step
