"""Decodes image files: PNG, JPEG, TIFF, BMP and WebP, of 8 or 16 bits."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp")
CHANNELS = {"grayscale": 1, "rgb": 3, "rgba": 4}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", "lanczos3")
# Weights of red, green and blue in a gray value (ITU-R 601), as in Pillow.
_LUMA = np.array([0.299, 0.587, 0.114])
_ORIENTATION = 0x0112  # the Exif tag
_BITS_PER_SAMPLE = 258  # the TIFF tag
_PNG_DEPTH, _PNG_COLOR = 24, 25  # bytes of the header


@dataclasses.dataclass(frozen=True)
class Header:
    """What is known of an image before its pixels are decoded.

    Attributes:
        size: (height, width), upright.
        kind: "grayscale", "grayscale with alpha", "rgb" or "rgba".
        bits: Bits of a value, 8 or 16.
    """

    size: tuple[int, int]
    kind: str
    bits: int


def read_header(path: Path) -> Header:
    """Read the header of an image file.

    Raises:
        OSError, ValueError: The file is damaged, or of a kind that is not supported.
    """
    from PIL import Image

    with Image.open(path) as image:
        width, height = image.size
        if image.getexif().get(_ORIENTATION, 1) >= 5:  # turned by 90°
            width, height = height, width
        with open(path, "rb") as file:
            start = file.read(_PNG_COLOR + 1)
        return Header((height, width), _kind(image), _bits(image, start))


def decode(data: bytes, path: Path) -> np.ndarray:
    """Decode the content of an image file.

    The image is turned upright as its Exif tag says, and a palette is resolved.

    Returns:
        (height, width, channels), uint8 or uint16, with the channels of the file.

    Raises:
        OSError, ValueError: The file is damaged, or of a kind that is not supported.
    """
    from PIL import Image, ImageOps

    with Image.open(io.BytesIO(data)) as image:
        kind = _kind(image)
        if _bits(image, data) == 16 and image.mode != "I;16":
            return _decode_16_bit(data, image, path)
        upright: Any = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I"):
            values = np.asarray(upright)
            if values.min() < 0 or values.max() > 65535:
                raise ValueError("its values have 32 bits; expected 8 or 16")
            return values.astype(np.uint16)[..., None]
        if upright.mode == "P" and kind == "rgba":
            upright = upright.convert("RGBA")
        modes = {"grayscale": "L", "grayscale with alpha": "LA"}
        values = np.asarray(upright.convert(modes.get(kind, kind.upper())))
        return values[..., None] if values.ndim == 2 else values


def to_channels(image: np.ndarray, color_mode: str) -> np.ndarray:
    """Convert an image to a color mode, as Keras and Pillow do.

    Alpha is dropped, gray is copied to red, green and blue, color becomes its luma, and
    what has no alpha becomes opaque.
    """
    opaque = np.full_like(image[..., :1], np.iinfo(image.dtype).max)
    has_alpha = image.shape[-1] in (2, 4)
    alpha = image[..., -1:] if has_alpha else opaque
    color = image[..., :-1] if has_alpha else image
    if color_mode == "grayscale" and color.shape[-1] == 3:
        color = np.rint(color @ _LUMA)[..., None].astype(image.dtype)
    if color_mode != "grayscale" and color.shape[-1] == 1:
        color = np.repeat(color, 3, axis=-1)
    return np.concatenate([color, alpha], -1) if color_mode == "rgba" else color


def to_dtype(image: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Convert 8 bits to 16 where other images have them: 255 becomes 65,535."""
    if image.dtype == np.uint8 and dtype == np.uint16:
        return image.astype(np.uint16) * 257
    return image


def resize(
    image: np.ndarray,
    size: tuple[int, int],
    interpolation: str,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
) -> np.ndarray:
    """Resize an image; smaller ones are sampled without aliasing.

    Args:
        image: (height, width, channels), uint8 or uint16.
        size: (height, width) of the result.
        interpolation: One of `INTERPOLATIONS`.
        crop_to_aspect_ratio: Whether to cut off what has another aspect ratio.
        pad_to_aspect_ratio: Whether to add black margins instead.
    """
    if crop_to_aspect_ratio:
        image = center_crop(image, _fitting(image.shape, size, min))
    if pad_to_aspect_ratio:
        height, width = _fitting(image.shape, size, max)
        rows, columns = height - image.shape[0], width - image.shape[1]
        sides = [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)]
        image = np.pad(image, [*sides, (0, 0)])
    if image.shape[:2] == size:
        return image
    from PIL import Image

    method = {
        "nearest": Image.Resampling.NEAREST,
        "bilinear": Image.Resampling.BILINEAR,
        "bicubic": Image.Resampling.BICUBIC,
        "area": Image.Resampling.BOX,
        "lanczos3": Image.Resampling.LANCZOS,
    }[interpolation]
    if image.dtype == np.uint8:
        values = image[..., 0] if image.shape[-1] == 1 else image
        resized = np.asarray(Image.fromarray(values).resize(size[::-1], method))
        return resized.reshape(*size, image.shape[-1])
    # Pillow resizes no 16-bit colors: each channel is resized in floats.
    channels = [
        np.asarray(Image.fromarray(part.astype(np.float32)).resize(size[::-1], method))
        for part in np.moveaxis(image, -1, 0)
    ]
    top = np.iinfo(image.dtype).max
    return np.rint(np.clip(np.stack(channels, -1), 0, top)).astype(image.dtype)


def center_crop(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Cut out the center of an image."""
    top, left = ((image.shape[axis] - size[axis]) // 2 for axis in (0, 1))
    return image[top : top + size[0], left : left + size[1]]


def _fitting(
    shape: tuple[int, ...], size: tuple[int, int], choose: Callable[[int, int], int]
) -> tuple[int, int]:
    """The size with the aspect ratio of `size` that fits into, or around, an image."""
    height = choose(shape[0], max(1, round(shape[1] * size[0] / size[1])))
    width = choose(shape[1], max(1, round(shape[0] * size[1] / size[0])))
    return height, width


def _kind(image: Image.Image) -> str:
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise ValueError(f"it holds {frames} images; expected one in each file")
    if image.mode == "F":
        raise ValueError("its values are floats; expected integers of 8 or 16 bits")
    if image.mode == "P":
        return "rgba" if "transparency" in image.info else "rgb"
    if image.mode in ("1", "L") or image.mode.startswith("I"):
        return "grayscale"
    kinds = {"LA": "grayscale with alpha", "La": "grayscale with alpha"}
    return kinds.get(image.mode, "rgba" if image.mode in ("RGBA", "RGBa") else "rgb")


def _bits(image: Image.Image, start: bytes) -> int:
    """Bits of a value in the file; Pillow reduces those of colors to 8."""
    if image.mode.startswith("I"):
        return 16
    if image.format == "PNG" and len(start) > _PNG_DEPTH:
        return 16 if start[_PNG_DEPTH] == 16 else 8
    if image.format == "TIFF":
        depths = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (8,))
        return 16 if max(depths) == 16 else 8
    return 8


def _decode_16_bit(data: bytes, image: Image.Image, path: Path) -> np.ndarray:
    """Decode colors of 16 bits, which Pillow would reduce to 8."""
    if image.format == "PNG":
        import tensorflow as tf

        try:
            values = tf.io.decode_png(data, dtype=tf.uint16).numpy()
        except tf.errors.InvalidArgumentError as error:
            raise ValueError("its pixels are damaged") from error
        return values
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            f"Reading '{path}', a TIFF file with colors of 16 bits, needs tifffile, "
            "which comes with the extra `images`: pip install 'ae-zoo[images]'"
        ) from error
    values = tifffile.imread(io.BytesIO(data))
    if values.ndim != 3 or values.dtype != np.uint16:
        raise ValueError(f"its pixels are {values.dtype} of shape {values.shape}")
    is_first = values.shape[0] in (2, 3, 4) and values.shape[-1] not in (2, 3, 4)
    return np.moveaxis(values, 0, -1) if is_first else values
