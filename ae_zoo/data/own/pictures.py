"""Examples that are decoded from image files, one by one or all at once."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from ae_zoo.data.own import decoding
from ae_zoo.data.own.rows import Key, memory_limit

T = TypeVar("T")
U = TypeVar("U")
# The files of an example: its image, and its target if there is one.
Files = tuple[Path, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Decoder:
    """How an example is made of its files.

    Attributes:
        color_modes: Color mode of the image and of its target.
        dtype: uint8, or uint16 if a file has 16 bits.
        size: (height, width) of an example.
        crop: "center" or "random", to cut out a part of this size; None resizes.
        options: The other arguments of `decoding.resize`.
    """

    color_modes: tuple[str, ...]
    dtype: np.dtype[Any]
    size: tuple[int, int]
    crop: str | None
    interpolation: str
    crop_to_aspect_ratio: bool
    pad_to_aspect_ratio: bool

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of an example; a target is joined along the last axis."""
        channels = sum(decoding.CHANNELS[mode] for mode in self.color_modes)
        return (*self.size, channels)

    def __call__(
        self, contents: Sequence[bytes], files: Files, random: Any = None
    ) -> np.ndarray:
        """Decode an example.

        Args:
            contents: Contents of its files.
            files: Their paths, for messages.
            random: NumPy generator that draws the crop; None takes the center.
        """
        parts = [
            decoding.to_dtype(
                decoding.to_channels(decoding.decode(data, path), mode), self.dtype
            )
            for data, path, mode in zip(contents, files, self.color_modes, strict=True)
        ]
        if self.crop is None:
            return np.concatenate([self._resized(part) for part in parts], axis=-1)
        if len({part.shape[:2] for part in parts}) > 1:
            raise ValueError("its target has another size")
        return self._cropped(np.concatenate(parts, axis=-1), random)

    def _resized(self, image: np.ndarray) -> np.ndarray:
        return decoding.resize(
            image,
            self.size,
            self.interpolation,
            self.crop_to_aspect_ratio,
            self.pad_to_aspect_ratio,
        )

    def _cropped(self, image: np.ndarray, random: Any) -> np.ndarray:
        room = [image.shape[axis] - self.size[axis] for axis in (0, 1)]
        if min(room) < 0:
            raise ValueError(
                f"it is {image.shape[0]}×{image.shape[1]}, smaller than image_size"
            )
        if random is None:
            return decoding.center_crop(image, self.size)
        top, left = (int(random.integers(0, most + 1)) for most in room)
        return image[top : top + self.size[0], left : left + self.size[1]]


class Pictures:
    """Examples that are decoded when they are read.

    Args:
        files: The files of each example.
        decoder: How they are decoded.
        is_random: Whether crops are drawn anew for every batch.
    """

    array = None

    def __init__(
        self, files: Sequence[Files], decoder: Decoder, is_random: bool = False
    ) -> None:
        self._files, self._decoder, self._is_random = files, decoder, is_random
        self.shape, self.dtype = decoder.shape, decoder.dtype

    def __len__(self) -> int:
        return len(self._files)

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        out = np.empty((len(numbers), *self.shape), self.dtype)

        def decode(place: int) -> None:
            number = int(numbers[place])
            random = None
            if self._is_random and key is not None:
                words = [*np.asarray(key, np.int64).view(np.uint64).tolist(), number]
                random = np.random.default_rng(words)
            out[place] = self._decoded(self._files[number], random)

        in_parallel(decode, range(len(numbers)))
        return out

    def _decoded(self, files: Files, random: Any) -> np.ndarray:
        try:
            contents = [path.read_bytes() for path in files]
            return self._decoder(contents, files, random)
        except Exception as error:  # whatever a decoder raises for a damaged file
            raise OSError(
                f"'{files[0]}' could be read when the data were listed, and cannot be "
                f"read any more: {error}"
            ) from error


@dataclasses.dataclass(frozen=True)
class Decoded:
    """What reading all examples once gave.

    Attributes:
        digests: SHA-256 of the files of each example; None where it cannot be read.
        reasons: Why the others cannot be read, by their number.
        array: All examples, if they fit in memory; rows of unreadable ones are empty.
    """

    digests: list[tuple[str, ...] | None]
    reasons: dict[int, str]
    array: np.ndarray | None


def decode_all(files: Sequence[Files], decoder: Decoder, keep: bool) -> Decoded:
    """Read all examples once, to know their content and which are damaged.

    Args:
        files: The files of each example.
        decoder: How they are decoded.
        keep: Whether to keep the examples, if they fit in memory.
    """
    array = None
    size = len(files) * int(np.prod(decoder.shape)) * decoder.dtype.itemsize
    if keep and size <= memory_limit():
        array = np.zeros((len(files), *decoder.shape), decoder.dtype)

    def read(number: int) -> tuple[tuple[str, ...] | None, str]:
        try:
            contents = [path.read_bytes() for path in files[number]]
            image = decoder(contents, files[number])
        except ImportError:
            raise
        except Exception as error:  # whatever a decoder raises for a damaged file
            return None, _short(error)
        if array is not None:
            array[number] = image
        return tuple(hashlib.sha256(data).hexdigest() for data in contents), ""

    found = in_parallel(read, range(len(files)))
    reasons = {n: reason for n, (digest, reason) in enumerate(found) if digest is None}
    return Decoded([digest for digest, _ in found], reasons, array)


def read_headers(
    paths: Sequence[Path],
) -> tuple[dict[Path, decoding.Header], dict[Path, str]]:
    """Read the headers of image files; return them, and why others cannot be read."""

    def read(path: Path) -> decoding.Header | str:
        try:
            return decoding.read_header(path)
        except Exception as error:  # whatever a decoder raises for a damaged file
            return _short(error)

    headers, reasons = {}, {}
    for path, found in zip(paths, in_parallel(read, paths), strict=True):
        if isinstance(found, str):
            reasons[path] = found
        else:
            headers[path] = found
    return headers, reasons


def in_parallel(function: Callable[[T], U], values: Iterable[T]) -> list[U]:
    """Call a function for each value, in threads: decoders release Python's lock."""
    return list(_threads().map(function, values))


@functools.cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(8, 2 * (os.cpu_count() or 1)))


def _short(error: Exception) -> str:
    from PIL import Image

    if isinstance(error, Image.UnidentifiedImageError):
        return "not an image of a known format"
    text = " ".join(str(error).split()) or type(error).__name__
    return text[:100]
