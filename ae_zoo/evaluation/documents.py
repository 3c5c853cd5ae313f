"""Protocol of the cleaning of scanned pages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ae_zoo._checks import check_boolean, check_integer
from ae_zoo.evaluation.protocol import Measurement, Protocol
from ae_zoo.evaluation.splits import Split, Splits
from ae_zoo.models import Autoencoder

BASELINE = "background subtraction"
_METRIC = "root-mean-square error of a pixel"
# Side of the window whose median is the paper: wider than the strokes of letters.
_WINDOW = 21
# Differences from the paper that count as ink, of which one is chosen.
_LEVELS = (0.05, 0.1, 0.15, 0.2, 0.25)
_TUNING_PAGES = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class DocumentCleaning(Protocol):
    """Root-mean-square error of cleaned pages, over all pixels of all pages.

    For pairs (dirty page, clean page) with values in [0, 1], as the Kaggle task
    "Denoising Dirty Documents" measures them. White rows at the bottom that both pages
    of a pair have are padding of short pages: a model of open size does not see them,
    and they do not count. Outputs are clipped to [0, 1].

    The baseline is `background_subtraction`. Its name has the error of the pages as
    they are.

    Attributes:
        pages: Number of test pages, from the first one; None measures all of them.
        baseline: Whether to measure the baseline.
    """

    pages: int | None = None
    baseline: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pages is not None:
            check_integer(self.argument("pages"), self.pages, 1)
        check_boolean(self.argument("baseline"), self.baseline)

    @property
    def takes_pairs(self) -> bool:
        return True

    def rehearsal(self) -> DocumentCleaning:
        return dataclasses.replace(self, pages=1, baseline=False)

    def without_baselines(self) -> DocumentCleaning:
        return dataclasses.replace(self, baseline=False)

    def __call__(self, model: Autoencoder, splits: Splits) -> list[Measurement]:
        dirty, clean = pages_of(splits.test.first(self.pages))
        errors = _errors(cleaned(model, dirty), clean)
        baseline: np.ndarray | None = None
        if self.baseline:
            level = ink_level(*pages_of(splits.train.first(_TUNING_PAGES)))
            outputs = [background_subtraction(page, level) for page in dirty]
            baseline = _errors(outputs, clean)
        sizes = np.array([page.size for page in clean])
        return self._rows(errors, baseline, _errors(dirty, clean), sizes)

    def _rows(
        self,
        errors: np.ndarray,
        baseline: np.ndarray | None,
        unchanged: np.ndarray,
        sizes: np.ndarray,
    ) -> list[Measurement]:
        def pooled(squares: np.ndarray) -> float:
            return float(np.sqrt(np.average(squares, weights=sizes)))

        def worst(squares: np.ndarray) -> float:
            return float(np.sqrt(squares.max()))

        name = f"{BASELINE}; page as it is {pooled(unchanged):.4f}"
        return [
            self.headline(
                _METRIC,
                pooled(errors),
                baseline=None if baseline is None else pooled(baseline),
                baseline_name="" if baseline is None else name,
            ),
            Measurement(
                f"{_METRIC}, worst page",
                worst(errors),
                None if baseline is None else worst(baseline),
                "" if baseline is None else BASELINE,
            ),
        ]


def pages_of(split: Split) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return the dirty and the clean pages, (height, width, 1), without padding.

    Raises:
        ValueError: The samples are not pairs of images of the same size.
    """
    if split.target is None or split.x.ndim != 4 or split.x.shape != split.target.shape:
        raise ValueError(
            "DocumentCleaning needs pairs of a dirty and a clean page of the same size."
        )
    pages = []
    for page, target in zip(split.x, split.target, strict=True):
        is_inked = ((page < 1) | (target < 1)).any(axis=(1, 2))
        rows = np.flatnonzero(is_inked)
        height = len(page) if not len(rows) else rows[-1] + 1
        pages.append((page[:height], target[:height]))
    dirty, clean = zip(*pages, strict=True)
    return list(dirty), list(clean)


def cleaned(model: Autoencoder, pages: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Clean pages of any sizes, (height, width, 1), by a model."""
    # A file that takes tiles of images has no shape of its own here.
    height = getattr(model, "input_shape", (None, None))[1]
    outputs = []
    for page in pages:
        # A model of fixed size takes a short page as it was stored.
        missing = 0 if height is None else height - len(page)
        whole = np.pad(page, ((0, missing), (0, 0), (0, 0)), constant_values=1)
        output = model.reconstruct(whole[None])[0, : len(page)]
        outputs.append(np.clip(output, 0, 1))
    return outputs


def background_subtraction(page: np.ndarray, level: float) -> np.ndarray:
    """Make white what is not darker than the paper around it.

    The paper is the median of a window of 21×21 pixels. Pixels that are darker by more
    than `level` are ink and keep their value.

    Args:
        page: (height, width, 1) in [0, 1].
        level: Difference from the paper that counts as ink.

    Returns:
        The cleaned page, of the same shape.

    Example:

    >>> page = np.full((30, 40, 1), 0.7, "float32")
    >>> page[10, 10:20] = 0.1
    >>> background_subtraction(page, level=0.2)[[10, 11], 15, 0]
    array([0.1, 1. ], dtype=float32)
    """
    return _with_ink(page, _paper(page), level)


def ink_level(dirty: Sequence[np.ndarray], clean: Sequence[np.ndarray]) -> float:
    """Choose the `level` of `background_subtraction` on training pages."""
    papers = [_paper(page) for page in dirty]

    def error(level: float) -> float:
        outputs = [
            _with_ink(*parts, level) for parts in zip(dirty, papers, strict=True)
        ]
        return float(_errors(outputs, clean).mean())

    return min(_LEVELS, key=error)


def _paper(page: np.ndarray) -> np.ndarray:
    from scipy.ndimage import median_filter

    return median_filter(page, size=(_WINDOW, _WINDOW, 1))


def _with_ink(page: np.ndarray, paper: np.ndarray, level: float) -> np.ndarray:
    return np.where(page < paper - level, page, np.ones_like(page))


def _errors(outputs: Sequence[np.ndarray], clean: Sequence[np.ndarray]) -> np.ndarray:
    """Mean squared error of each page."""
    return np.array(
        [
            np.mean(np.square(output - target, dtype="float64"))
            for output, target in zip(outputs, clean, strict=True)
        ]
    )
