"""Files that appear complete or not at all, whatever ends the process that writes them.

Everything is written to a private folder next to its final place, flushed to the disk,
and then renamed. The private folder holds a locked file as long as its process lives.
The next process that writes to the same place removes the private folders that are no
longer locked. Locks work between the machines that share a file system, which process
numbers do not. Where a file system refuses locks, no folder of others is removed.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

StrPath = str | os.PathLike[str]

PREFIX = ".ae_zoo-"
_LOCK, _NEW, _OLD = "lock", "new", "old"
_NOREPLACE, _EXCHANGE = 1, 2  # flags of renameat2
_AT_FDCWD = -100
# How systems and file systems say that they lack an operation.
_LACKING = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV)
# Reasons for which a file cannot be written.
_REASONS = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EIO,
)


@contextlib.contextmanager
def scratch(parent: StrPath | None = None) -> Iterator[Path]:
    """Yield a private folder, which is removed at the end.

    Args:
        parent: Folder to create it in, created if it is missing; None is the system's
            folder for temporary files.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    parent.mkdir(parents=True, exist_ok=True)
    repair(parent)
    folder, lock = _locked_folder(parent)
    try:
        yield folder
    finally:
        _remove(folder, lock)


@contextlib.contextmanager
def replacement(target: StrPath) -> Iterator[Path]:
    """Yield a path for a folder that takes the place of `target` at the end.

    If the block raises an error, `target` stays as it is. On Linux the folders exchange
    their places in one step. Elsewhere, a process that is killed between two renames
    leaves `target` missing until `repair`, which every reader and writer calls.

    Args:
        target: A folder, which may be missing. A link is followed.

    Raises:
        OSError: The folder cannot be written, for example because the disk is full.
    """
    target = Path(target).resolve()
    with scratch(target.parent) as private:
        new = private / _NEW / target.name
        new.parent.mkdir()
        yield new
        flush(new)
        old = private / _OLD / target.name
        old.parent.mkdir()
        with _sole_publisher(target.parent):
            _swap(new, target, old)
            _flush_one(target.parent)


@contextlib.contextmanager
def explained(target: StrPath) -> Iterator[None]:
    """Turn errors of a full or write-protected disk into an `OSError` about `target`.

    Raises:
        OSError: A file could not be written.
    """
    target = Path(target)
    try:
        yield
    except Exception as error:
        code = disk_error(error)
        if code is None or _is_about_another(error, target):
            raise
        raise OSError(
            code,
            f"'{target}' cannot be written: {os.strerror(code)}. Nothing was changed. "
            "Make room or choose another place, then start again.",
        ) from error


def disk_error(error: BaseException) -> int | None:
    """Return the `errno` of a disk's failure that caused an error, or None.

    TensorFlow and HDF5 give the reason in their message only.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno if error.errno in _REASONS else None
    text = str(error)
    return next((code for code in _REASONS if os.strerror(code) in text), None)


def publish(
    written: Sequence[Path],
    targets: Sequence[Path],
    prepare: Callable[[], object] | None = None,
) -> None:
    """Move new files or folders to their final paths, in the given order.

    If a move fails, those before it are undone.

    Args:
        written: Paths in a folder of `scratch`.
        targets: Their final paths, all in one folder.
        prepare: Called first, when no other process moves files to that folder.

    Raises:
        FileExistsError: Something is at a final path.
    """
    for path in written:
        flush(path)
    placed: list[tuple[Path, Path]] = []
    with _sole_publisher(targets[0].parent):
        if prepare is not None:
            prepare()
        try:
            for path, target in zip(written, targets, strict=True):
                _place(path, target)
                placed.append((path, target))
        except BaseException:
            for path, target in reversed(placed):
                os.rename(target, path)
            raise
        _flush_one(targets[0].parent)


def is_private(path: StrPath) -> bool:
    """Whether a path is in a folder of `scratch`, and so will not stay there."""
    return any(part.startswith(PREFIX) for part in Path(path).parts)


def discard(folder: Path) -> None:
    """Remove a folder, of which no part is missing at any time."""
    # On a full disk there is no room for a locked folder, and none is needed: `repair`
    # removes those without a lock.
    doomed = folder.with_name(f"{PREFIX}{secrets.token_hex(4)}")
    os.rename(folder, doomed)
    shutil.rmtree(doomed, ignore_errors=True)


def repair(parent: StrPath) -> None:
    """Remove what killed processes left in a folder, and restore what they had moved.

    Args:
        parent: The folder.
    """
    if fcntl is None:
        return
    with contextlib.suppress(OSError), os.scandir(parent) as entries:
        found = [Path(entry.path) for entry in entries if _is_private_folder(entry)]
        for folder in found:
            with contextlib.suppress(OSError):
                _repair_one(folder)


def flush(path: Path) -> None:
    """Force a file or folder, with all that is in it, to the disk."""
    if path.is_symlink():
        return
    if path.is_dir():
        for member in path.iterdir():
            flush(member)
    if path.is_dir() or path.is_file():
        _flush_one(path)


def _flush_one(path: Path) -> None:
    if os.name == "nt":
        return  # It flushes only files that are open for writing.
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in _LACKING:
            raise
    finally:
        os.close(file)


# Private folders and their locks.


def _locked_folder(parent: Path) -> tuple[Path, int]:
    """Create a private folder; return it and the open file that locks it."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        # Until the file is locked, another process can take the folder for a leftover.
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except (FileNotFoundError, FileExistsError):
            continue
        except OSError:
            os.rmdir(folder)
            raise
        if _lock(lock) is not False and _is_at(lock, folder / _LOCK):
            return folder, lock
        os.close(lock)


def _lock(file: int) -> bool | None:
    """Lock a file: whether it was free; None if the file system has no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_at(file: int, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(file), os.stat(path, follow_symlinks=False))
    return False


def _is_private_folder(entry: os.DirEntry[str]) -> bool:
    # In a folder for all users, a name proves nothing: links and others' folders stay.
    return (
        entry.name.startswith(PREFIX)
        and entry.is_dir(follow_symlinks=False)
        and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    )


def _repair_one(folder: Path) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    lock = os.open(folder / _LOCK, flags, 0o600)
    if not _lock(lock) or not _is_at(lock, folder / _LOCK):
        os.close(lock)
        return
    try:
        _restore(folder)
    finally:
        _remove(folder, lock)


def _restore(folder: Path) -> None:
    """Move back what a killed process had moved aside and not replaced."""
    with contextlib.suppress(FileNotFoundError):
        for old in (folder / _OLD).iterdir():
            if not os.path.lexists(folder.parent / old.name):
                os.rename(old, folder.parent / old.name)


def _remove(folder: Path, lock: int) -> None:
    """Remove a private folder, its lock last."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            if path.name == _LOCK:
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    os.close(lock)  # NFS removes no folder with an open file
    with contextlib.suppress(OSError):
        os.unlink(folder / _LOCK)
        os.rmdir(folder)


@contextlib.contextmanager
def _sole_publisher(parent: Path) -> Iterator[None]:
    """Let one process at a time move files to their final places in a folder."""
    if fcntl is None:
        yield
        return
    folder = os.open(parent, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # NFS locks no folders
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


# Renaming.


def _swap(new: Path, target: Path, old: Path) -> None:
    """Put `new` at `target`, and what was there at `old` or `new`."""
    if not os.path.lexists(target):
        os.rename(new, target)
    elif not _renameat2(new, target, _EXCHANGE):
        os.rename(target, old)
        try:
            os.rename(new, target)
        except BaseException:
            os.rename(old, target)
            raise


def _place(path: Path, target: Path) -> None:
    if _renameat2(path, target, _NOREPLACE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(path, target)


@functools.cache
def _system_call() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        path, flags = ctypes.c_char_p, ctypes.c_uint
        call.argtypes = (ctypes.c_int, path, ctypes.c_int, path, flags)
    return call


def _renameat2(source: Path, target: Path, flags: int) -> bool:
    """Rename in one step; False where the system or the file system cannot."""
    call = _system_call()
    if call is None:
        return False
    paths = os.fsencode(source), os.fsencode(target)
    if call(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags) == 0:
        return True
    code = ctypes.get_errno()
    if code in _LACKING:
        return False
    raise OSError(code, os.strerror(code), str(target))


def _is_about_another(error: BaseException, target: Path) -> bool:
    name = getattr(error, "filename", None)
    if not isinstance(name, (str, bytes)):
        return False
    folder = os.path.abspath(target.parent)
    return not os.path.abspath(os.fsdecode(name)).startswith(folder)
