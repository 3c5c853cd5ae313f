"""Examples that are read by number, from memory or from a file on the disk."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, TypeGuard

import numpy as np

from ae_zoo.data import batches

# The key of a batch, for rows that are drawn at random; None gives the fixed ones.
Key = np.ndarray | None
# Bytes of examples that are read, hashed or written together.
CHUNK_BYTES = 2**24


class Rows(Protocol):
    """Examples of equal shape, read by number.

    Attributes:
        shape: Shape of an example.
        dtype: Type of its values.
        array: All examples, (examples, *shape), if they are held in memory.
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> np.dtype[Any]: ...

    @property
    def array(self) -> np.ndarray | None: ...

    def __len__(self) -> int: ...

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        """Read the examples with these numbers, (len(numbers), *shape)."""


class ArrayRows:
    """Examples of an array: NumPy's, one mapped from a file, or a dataset of h5py."""

    def __init__(self, values: Any) -> None:
        self._values = values
        self.shape = tuple(values.shape[1:])
        self.dtype = np.dtype(values.dtype)
        is_held = isinstance(values, np.ndarray) and not is_on_disk(values)
        self.array = values if is_held else None

    def __len__(self) -> int:
        return len(self._values)

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        numbers = np.asarray(numbers)
        if isinstance(self._values, np.ndarray):
            return np.ascontiguousarray(self._values[numbers])
        # h5py wants rising numbers without repeats.
        unique, places = np.unique(numbers, return_inverse=True)
        return np.asarray(self._values[unique])[places]


class Chosen:
    """Some of the examples of other rows, in the order of `numbers`."""

    def __init__(self, rows: Rows, numbers: np.ndarray) -> None:
        self._rows, self._numbers = rows, np.asarray(numbers, np.int64)
        self.shape, self.dtype = rows.shape, rows.dtype
        self.array: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self._numbers)

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        return self._rows.read(self._numbers[numbers], key)


class ScratchFile:
    """A file without a name, which the system removes when nothing refers to it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="ae_zoo-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def write(self, data: Any) -> None:
        """Append bytes."""
        try:
            self._file.write(data)
            self._file.flush()
        except OSError as error:
            raise OSError(
                error.errno,
                "The data do not fit in memory, and writing them to "
                f"'{tempfile.gettempdir()}' failed ({error.strerror}). Free space "
                "there, or set TMPDIR to a folder with more space.",
            ) from error

    def read(self, start: int, count: int) -> bytes:
        """Read bytes; several threads may do so at once."""
        return _read_at(self._file, start, count)


class MappedFile:
    """The file that an array is mapped from.

    It is read instead of the map, whose pages would count as memory of this process.

    Args:
        path: Path of the file.
        start: Byte at which the array begins.
    """

    def __init__(self, path: str | os.PathLike[str], start: int) -> None:
        self._file, self._start = open(path, "rb"), start  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def read(self, start: int, count: int) -> bytes:
        """Read bytes; several threads may do so at once."""
        return _read_at(self._file, self._start + start, count)


class FileRows:
    """Examples that are consecutive in a file.

    Args:
        file: The file.
        count: Number of examples.
        shape: Shape of an example.
        dtype: Type of its values.
    """

    array = None

    def __init__(
        self,
        file: ScratchFile | MappedFile,
        count: int,
        shape: Sequence[int],
        dtype: Any,
    ) -> None:
        self._file, self._count = file, count
        self.shape, self.dtype = tuple(shape), np.dtype(dtype)
        self._bytes = int(np.prod(self.shape)) * self.dtype.itemsize

    def __len__(self) -> int:
        return self._count

    def read(self, numbers: np.ndarray, key: Key = None) -> np.ndarray:
        out = np.empty((len(numbers), *self.shape), self.dtype)
        for place, number in enumerate(numbers):
            out[place] = self.span(int(number), 1)[0]
        return out

    def span(self, start: int, count: int) -> np.ndarray:
        """Read `count` examples from number `start` on."""
        data = self._file.read(start * self._bytes, count * self._bytes)
        return np.frombuffer(data, self.dtype).reshape(count, *self.shape)


class Spool:
    """Collects arrays in memory and, where they get large, in a temporary file.

    Args:
        limit: Bytes that are held in memory. Defaults to `memory_limit()`.
    """

    def __init__(self, limit: int | None = None) -> None:
        self._limit = memory_limit() if limit is None else limit
        self._parts: list[np.ndarray] = []
        self._bytes = self._count = 0
        self._file: ScratchFile | None = None

    def append(self, values: np.ndarray) -> None:
        """Add examples, (count, *shape), whose shape and dtype are always the same."""
        values = np.ascontiguousarray(values)
        self._count += len(values)
        self._bytes += values.nbytes
        self._parts.append(values)
        if self._file is not None or self._bytes > self._limit:
            self._flush()

    def rows(self) -> ArrayRows | FileRows:
        """Return what was collected."""
        if self._file is None:
            return ArrayRows(np.concatenate(self._parts))
        return FileRows(self._file, self._count, self._shape, self._dtype)

    def _flush(self) -> None:
        if self._file is None:
            self._file = ScratchFile()
            self._shape, self._dtype = self._parts[0].shape[1:], self._parts[0].dtype
        for part in self._parts:
            self._file.write(part.data)
        self._parts.clear()


def mapped_rows(values: np.ndarray) -> FileRows | None:
    """Return rows that read the file of a mapped array; None if they cannot."""
    root: Any = values
    while isinstance(root.base, np.ndarray):
        root = root.base
    filename = getattr(root, "filename", None)
    if filename is None or not values.flags.c_contiguous or not len(values):
        return None
    start = root.offset + values.ctypes.data - root.ctypes.data
    file = MappedFile(filename, start)
    return FileRows(file, len(values), values.shape[1:], values.dtype)


_reading = threading.Lock()


def _read_at(file: Any, start: int, count: int) -> bytes:
    if hasattr(os, "pread"):
        return os.pread(file.fileno(), count, start)
    with _reading:  # Windows
        file.seek(start)
        return file.read(count)


def is_on_disk(values: object) -> TypeGuard[np.ndarray]:
    """Tell whether an array is mapped from a file."""
    while isinstance(values, np.ndarray):
        if isinstance(values, np.memmap):
            return True
        values = values.base
    return False


def chunks(count: int, shape: Sequence[int], width: int = 4) -> list[np.ndarray]:
    """Divide the numbers of examples into parts of about `CHUNK_BYTES`."""
    size = max(1, CHUNK_BYTES // (max(1, int(np.prod(shape))) * width))
    return [
        np.arange(start, min(count, start + size)) for start in range(0, count, size)
    ]


def memory_limit() -> int:
    """Bytes of decoded data that a split may hold: a quarter of what is free."""
    try:
        text = Path("/proc/meminfo").read_text("utf-8")
        free = 1024 * int(text.split("MemAvailable:")[1].split()[0])
    except (OSError, IndexError, ValueError):  # only Linux has this file
        return batches.MEMORY_LIMIT
    return min(batches.MEMORY_LIMIT, free // 4)
