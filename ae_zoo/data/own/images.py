"""`Images`: a folder of image files as a source of data."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ae_zoo._checks import check_folder
from ae_zoo.data.own import decoding, listing, splitting
from ae_zoo.data.own.base import (
    DESCRIPTION,
    Contents,
    OwnSource,
    digest_of,
    held_if_small,
)
from ae_zoo.data.own.decoding import Header
from ae_zoo.data.own.image_options import (
    check_choices,
    checked_size,
    only_kind,
    only_size,
)
from ae_zoo.data.own.pictures import (
    Decoder,
    Files,
    Pictures,
    decode_all,
    read_headers,
)
from ae_zoo.data.own.rows import ArrayRows, Rows

StrPath = str | os.PathLike[str]


class Images(OwnSource):
    """A folder of images of your own, with its subfolders.

    PNG, JPEG, TIFF, BMP and WebP files of 8 or 16 bits are read, upright as their Exif
    tag says, and scaled to [0, 1]. Files that are damaged are named in a warning and
    left out. The first use of the source decodes every file once; sets that do not fit
    in memory are decoded again while they are read.

    If the folder holds only the folders `train` and, optionally, `validation` (or
    `val`) and `test`, these are the splits. What is missing is taken from the training
    images at random. Copies of one file are always in the same split.

    Args:
        folder: Path of the folder.
        image_size: (height, width) of an example. None keeps the size of the files,
            which must be the same for all.
        color_mode: "grayscale", "rgb" or "rgba". Color becomes gray by its luma, and
            alpha is dropped. None keeps the channels of the files, which must be the
            same for all.
        crop_to_aspect_ratio: Whether to cut off the margins of images with another
            aspect ratio before they are resized, instead of distorting them.
        pad_to_aspect_ratio: Whether to add black margins instead.
        interpolation: "bilinear", "nearest", "bicubic", "area" or "lanczos3".
            All but "nearest" make images smaller without aliasing.
        crop: Cut out parts of `image_size` instead of resizing: "center"; or "random",
            a new part of each training image in every pass, and the center of those
            for validation and testing. Smaller images are left out.
        target: Path of a folder with a target for each image, of the same name
            whatever the suffix. Examples are then pairs (input, target).
        labels: "inferred" labels images by the names of their folders, sorted and
            numbered from 0. None gives no labels.
        validation_split: Share of the images in the validation split.
        test_split: Share of the images in the test split.
        groups: Images of a group are in the same split: "folder", or a function from
            the relative path of an image, such as "ann/1.png", to the key of its group.
        seed: Seed of the division into splits.
        name: Name for cards and messages. Defaults to the name of the folder.
        license: Terms of use of the data, for the card.
        citation: BibTeX, or an empty string.
        homepage: Page that describes the data, or an empty string.

    Raises:
        TypeError: An argument has the wrong type.
        ValueError: An argument has an unknown value; the folder has no images; or,
            when the files are read, they differ in size or color and `image_size` or
            `color_mode` is None.
        FileNotFoundError: When the files are read, there is no such folder.

    Example:

    >>> from pathlib import Path
    >>> from PIL import Image
    >>> folder = Path("photos")
    >>> folder.mkdir()
    >>> for number in range(10):
    ...     color = (25 * number, 0, 0)
    ...     Image.new("RGB", (48, 32), color).save(folder / f"{number}.png")
    >>> photos = Images("photos", image_size=(16, 16), color_mode="rgb")
    >>> photos.counts
    {'train': 8, 'validation': 1, 'test': 1}
    >>> next(iter(photos.load("train", batch_size=4))).shape
    TensorShape([4, 16, 16, 3])
    """

    def __init__(
        self,
        folder: StrPath,
        *,
        image_size: tuple[int, int] | None = None,
        color_mode: str | None = None,
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        interpolation: str = "bilinear",
        crop: str | None = None,
        target: StrPath | None = None,
        labels: str | None = None,
        validation_split: float = 0.1,
        test_split: float = 0.1,
        groups: str | Callable[[str], Hashable] | None = None,
        seed: int = 0,
        name: str | None = None,
        license: str = "not stated",
        citation: str = "",
        homepage: str = "",
    ) -> None:
        self._options = {
            key: value
            for key, value in locals().items()
            if key not in ("self", "folder", "__class__")
        }
        check_folder("folder", folder)
        self._folder = Path(folder).expanduser()
        self._target = None
        if target is not None:
            check_folder("target", target)
            self._target = Path(target).expanduser()
        self._shares = splitting.Shares(validation_split, test_split, seed)
        self._size = checked_size(image_size)
        check_choices(self._options)
        self._groups, self._labels_from = groups, labels
        if name is None:
            name = self._folder.resolve().name or "images"
        self._describe(name, license, citation, homepage)
        if self._folder.exists():
            listing.list_images(self._folder, self._target)

    def replaced(self, data: Any, columns: Sequence[str] | None = None) -> Images:
        options = {k: v for k, v in self._options.items() if k not in DESCRIPTION}
        if self._target is None:
            return Images(data, **options)
        check_folder("data", data)
        folder = Path(data).expanduser() / self._folder.name
        target = Path(data).expanduser() / self._target.name
        if not (folder.is_dir() and target.is_dir()):
            raise FileNotFoundError(
                f"The data {self.name!r} are pairs. To replace them, '{data}' must "
                f"hold the folders '{self._folder.name}' with inputs and "
                f"'{self._target.name}' with targets."
            )
        return Images(folder, **options | {"target": target})

    def files(self, split: str) -> list[str]:
        """List the paths of the examples of a split, relative to the folder."""
        self.check_split(split)
        return self._files[split]

    def _read_contents(self) -> Contents:
        paths = listing.list_images(self._folder, self._target)
        files = self._files_of(paths)
        headers, broken = read_headers(sorted({path for one in files for path in one}))
        reasons = {
            path: broken[next(file for file in one if file in broken)]
            for path, one in zip(paths, files, strict=True)
            if broken.keys() & set(one)
        }
        if len(reasons) == len(paths):
            listing.report_unreadable(self._folder, reasons, len(paths))
        decoder = self._decoder(headers, files)
        decoded = decode_all(files, decoder, keep=decoder.crop != "random")
        reasons |= {paths[number]: text for number, text in decoded.reasons.items()}
        listing.report_unreadable(self._folder, reasons, len(paths))
        good = np.array([n for n, path in enumerate(paths) if path not in reasons])
        paths = [paths[n] for n in good]
        digests = [found for n in good if (found := decoded.digests[n])]
        splits, given = self._split(paths, [digest[0] for digest in digests])
        self._files = {
            split: [paths[n].as_posix() for n in numbers]
            for split, numbers in splits.items()
        }
        rows = {
            split: _rows(files, decoder, decoded.array, good[numbers], split)
            for split, numbers in splits.items()
        }
        return self._described(rows, splits, given, paths, digests, decoder)

    def _files_of(self, paths: Sequence[Path]) -> list[Files]:
        """Return the files of each example: its image and, for pairs, its target."""
        if self._target is None:
            return [(self._folder / path,) for path in paths]
        targets = listing.find_targets(paths, self._folder, self._target)
        return [(self._folder / path, self._target / targets[path]) for path in paths]

    def _described(
        self,
        rows: dict[str, Rows],
        splits: dict[str, np.ndarray],
        given: Sequence[str],
        paths: Sequence[Path],
        digests: Sequence[tuple[str, ...]],
        decoder: Decoder,
    ) -> Contents:
        channels = [decoding.CHANNELS[mode] for mode in decoder.color_modes]
        height, width = decoder.size
        has_targets = self._target is not None
        kinds = ["images", "targets"][: 1 + has_targets]
        fingerprint = {
            f"{kind} ({len(paths):,} files)": digest_of(
                sorted(digest[number] for digest in digests)
            )
            for number, kind in enumerate(kinds)
        }
        order = {
            split: [digests[n] for n in numbers] for split, numbers in splits.items()
        }
        shape = (height, width, channels[0])
        labels, label = self._labeled(paths, splits)
        return Contents(
            rows=rows,
            shape=shape,
            target_shape=(height, width, channels[1]) if has_targets else None,
            divisor=float(np.iinfo(decoder.dtype).max),
            labels=labels,
            label=label,
            fingerprint={
                **fingerprint,
                "splits": digest_of(order, self._preprocessing(decoder)),
            },
            split_rule=splitting.random_rule(given, self._shares, self._unit),
            preprocessing=self._preprocessing(decoder),
        )

    def _preprocessing(self, decoder: Decoder) -> str:
        mode = " to ".join(dict.fromkeys(decoder.color_modes))
        size = f"{decoder.size[0]}×{decoder.size[1]}"
        if self._size is None:
            made = f"{size} as in the files"
        elif decoder.crop is not None:
            made = f"{decoder.crop} parts of {size}"
        else:
            how = "cropped and " if decoder.crop_to_aspect_ratio else ""
            how = "padded and " if decoder.pad_to_aspect_ratio else how
            made = f"{how}resized to {size} ({decoder.interpolation})"
        return f"{mode}, {made}, scaled to [0, 1]"

    @property
    def _unit(self) -> str:
        if self._groups is None:
            return "file"
        return "folder" if self._groups == "folder" else "group"

    def _decoder(self, headers: dict[Path, Header], files: Sequence[Files]) -> Decoder:
        size = self._size or only_size(headers)
        modes = []
        for number in range(len(files[0])):
            own = {one[number]: headers.get(one[number]) for one in files}
            modes.append(self._options["color_mode"] or only_kind(own))
        is_deep = any(header.bits == 16 for header in headers.values())
        return Decoder(
            color_modes=tuple(modes),
            dtype=np.dtype(np.uint16 if is_deep else np.uint8),
            size=size,
            **{
                key: self._options[key]
                for key in (
                    "crop",
                    "interpolation",
                    "crop_to_aspect_ratio",
                    "pad_to_aspect_ratio",
                )
            },
        )

    def _split(
        self, paths: Sequence[Path], digests: Sequence[str]
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """Return the numbers of each split's images, and which splits were given."""
        folders = listing.splits_of(paths)
        names = np.array(folders or ["train"] * len(paths))
        given = {
            split: np.flatnonzero(names == split)
            for split in splitting.SPLITS
            if (names == split).any()
        }
        groups = copies = splitting.numbered(digests)
        if len(given) > 1:
            _warn_of_copies(given, copies, self._folder)
        if self._groups is not None:
            texts = [path.as_posix() for path in paths]
            keys = (
                [str(path.parent) for path in paths]
                if isinstance(self._groups, str)
                else [self._groups(text) for text in texts]
            )
            groups = splitting.joined(splitting.numbered(keys), copies)
        return (
            splitting.at_random(given, groups, self._shares, f"{self._unit}s"),
            list(given) if folders else [],
        )

    def _labeled(
        self, paths: Sequence[Path], splits: dict[str, np.ndarray]
    ) -> tuple[dict[str, np.ndarray] | None, str | None]:
        if self._labels_from is None:
            return None, None
        has_splits = listing.splits_of(paths) is not None
        classes = listing.classes_of(paths, has_splits, self._folder)
        names, label = np.unique(classes, return_inverse=True)
        text = ", ".join(f"{number} {name}" for number, name in enumerate(names[:20]))
        return (
            {
                split: label[numbers].astype(np.int64)
                for split, numbers in splits.items()
            },
            f"folder: {text}{', …' if len(names) > 20 else ''}",
        )


def _rows(
    files: Sequence[Files],
    decoder: Decoder,
    array: np.ndarray | None,
    numbers: np.ndarray,
    split: str,
) -> Rows:
    if array is not None:
        return ArrayRows(array[numbers])
    is_random = decoder.crop == "random" and split == "train"
    rows = Pictures([files[n] for n in numbers], decoder, is_random)
    return rows if is_random else held_if_small(rows)


def _warn_of_copies(
    given: dict[str, np.ndarray], copies: np.ndarray, folder: Path
) -> None:
    """Warn of images that are in two of the splits that were given."""
    in_splits = [set(copies[numbers].tolist()) for numbers in given.values()]
    shared = sum(map(len, in_splits)) - len(set().union(*in_splits))
    if shared:
        warnings.warn(
            f"{shared} images in '{folder}' have copies in another split "
            f"({', '.join(given)}). Remove them: a model is tested on images that it "
            "was not trained on.",
            stacklevel=2,
        )
