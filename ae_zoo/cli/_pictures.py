"""Image files as arrays of floats, and back with all that the file held."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

_ORIENTATION = 0x0112  # the Exif tag
_EIGHT_BITS = (".jpg", ".jpeg", ".bmp", ".webp")
_WITHOUT_ALPHA = (".jpg", ".jpeg", ".bmp")
_QUALITY = 95
_PNG_HEADER = 33  # bytes of the signature and the first chunk


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image and what else its file holds.

    Attributes:
        color: (height, width, 1 or 3), float32 in [0, 1].
        alpha: (height, width, 1), as it is in the file, or None.
        bits: Bits of a value, 8 or 16.
        profile: Color profile (ICC), or None.
        exif: Exif data without the orientation, or None.
    """

    color: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8
    profile: bytes | None = None
    exif: bytes | None = None

    @property
    def size(self) -> str:
        """Height and width, for messages: "480×640"."""
        return f"{self.color.shape[0]}×{self.color.shape[1]}"

    def replaced(self, color: np.ndarray) -> Picture:
        """The same picture with other pixels, clipped to [0, 1]."""
        return dataclasses.replace(self, color=np.clip(color, 0, 1))


def read(path: Path) -> Picture:
    """Read an image file, upright as its Exif tag says.

    Raises:
        OSError, ValueError: The file is missing, damaged, or of a kind that is not
            supported.
    """
    from PIL import Image, UnidentifiedImageError

    from ae_zoo.data.own import decoding

    data = path.read_bytes()
    try:
        values = decoding.decode(data, path)
        with Image.open(io.BytesIO(data)) as image:
            profile, exif = image.info.get("icc_profile"), image.getexif()
            if image.mode in ("CMYK", "YCbCr", "LAB", "HSV"):
                profile = None  # it describes other colors than the converted ones
    except UnidentifiedImageError:
        raise ValueError(f"'{path}' is not an image that can be read.") from None
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise ValueError(f"'{path}' cannot be read as an image: {error}") from error
    exif.pop(_ORIENTATION, None)
    top = np.float32(np.iinfo(values.dtype).max)
    alpha = values[..., -1:] if values.shape[-1] in (2, 4) else None
    color = values if alpha is None else values[..., :-1]
    return Picture(
        color.astype(np.float32) / top,
        alpha,
        8 * values.dtype.itemsize,
        profile,
        exif.tobytes() if len(exif) else None,
    )


def limits(picture: Picture, suffix: str) -> list[str]:
    """What a file format cannot hold of a picture, for messages."""
    lost = []
    if picture.bits == 16 and suffix.lower() in _EIGHT_BITS:
        lost.append("16 bits become 8")
    if picture.alpha is not None and suffix.lower() in _WITHOUT_ALPHA:
        lost.append("the alpha channel is left out")
    return lost


def encode(picture: Picture, path: Path) -> bytes:
    """Encode a picture as the suffix of a path says.

    Raises:
        ImportError: A TIFF file in color with 16 bits needs tifffile.
        ValueError: The suffix is not that of an image.
    """
    suffix = path.suffix.lower()
    bits = 8 if suffix in _EIGHT_BITS else picture.bits
    dtype = np.dtype(f"uint{bits}")
    top = np.iinfo(dtype).max
    values = np.rint(np.clip(picture.color, 0, 1) * np.float64(top)).astype(dtype)
    if picture.alpha is not None and suffix not in _WITHOUT_ALPHA:
        alpha = picture.alpha
        if alpha.dtype != dtype:
            alpha = (alpha // 257).astype(dtype)
        values = np.concatenate([values, alpha], axis=-1)
    if bits == 16 and values.shape[-1] > 1:
        return _encode_16_bits(values, picture, suffix)
    return _encode_with_pillow(values, picture, suffix)


def _encode_with_pillow(values: np.ndarray, picture: Picture, suffix: str) -> bytes:
    from PIL import Image

    options: dict[str, Any] = {"icc_profile": picture.profile}
    if picture.exif is not None and suffix != ".bmp":
        options["exif"] = picture.exif
    if suffix in (".jpg", ".jpeg"):
        options |= {"quality": _QUALITY, "subsampling": 0}
    if suffix == ".webp":
        options["quality"] = _QUALITY
    if suffix in (".tif", ".tiff"):
        options["compression"] = "tiff_deflate"
    if suffix == ".bmp":
        options = {}
    image = Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values)
    file = io.BytesIO()
    formats = Image.registered_extensions()
    if suffix not in formats:
        raise ValueError(f"'{suffix}' is not the suffix of an image file.")
    image.save(file, formats[suffix], **options)
    return file.getvalue()


def _encode_16_bits(values: np.ndarray, picture: Picture, suffix: str) -> bytes:
    """Encode colors of 16 bits, which Pillow cannot."""
    if suffix == ".png":
        import tensorflow as tf

        data = tf.io.encode_png(values).numpy()
        chunks = b""
        if picture.profile is not None:
            content = b"icc\0\0" + zlib.compress(picture.profile)
            chunks += _chunk(b"iCCP", content)
        if picture.exif is not None:
            chunks += _chunk(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))
        return data[:_PNG_HEADER] + chunks + data[_PNG_HEADER:]
    try:
        import tifffile
    except ImportError as error:
        raise ImportError(
            "Writing a TIFF file with colors of 16 bits needs tifffile, which comes "
            "with the extra `images`: pip install 'ae-zoo[images]'. Or write a PNG."
        ) from error
    file = io.BytesIO()
    extra: dict[str, Any] = (
        {} if values.shape[-1] in (1, 3) else {"extrasamples": ["unassalpha"]}
    )
    tifffile.imwrite(
        file,
        values,
        photometric="rgb" if values.shape[-1] >= 3 else "minisblack",
        planarconfig="contig",
        compression="zlib",
        iccprofile=picture.profile,
        **extra,
    )
    return file.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk of a PNG file."""
    checksum = zlib.crc32(kind + content)
    return (
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
    )


def side_by_side(before: Picture, after: Picture) -> Picture:
    """One picture of two, the original on the left, with a white line between."""
    channels = max(before.color.shape[-1], after.color.shape[-1])
    parts = [
        np.broadcast_to(picture.color, (*picture.color.shape[:2], channels))
        for picture in (before, after)
    ]
    line = np.ones((parts[0].shape[0], 4, channels), np.float32)
    return Picture(np.concatenate([parts[0], line, parts[1]], axis=1))
