"""The callback that logs images to TensorBoard."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import ArrayLike

from ae_zoo._checks import check_count
from ae_zoo.distribution.strategies import is_chief
from ae_zoo.models.showing import shown_rows


class LogImages(keras.callbacks.Callback):
    """Log reconstructions, and samples of a variational model, to TensorBoard.

    Each logged picture has a row of inputs, for a denoising model a row of corrupted
    inputs, and a row of outputs. The corruption and the draws of the samples are the
    same each time, so the slider of TensorBoard shows what the training changes. The
    values of the codes are logged as a histogram.

    TensorBoard shows the pictures next to the losses if `log_dir` is a folder inside
    that of `keras.callbacks.TensorBoard`. `ae_zoo.train` logs to `runs/NAME/logs`.

    With several workers, only the chief writes.

    Args:
        log_dir: Folder to write to.
        x: Images, (n, height, width, channels), with 1, 3 or 4 channels. The first
            `images` of them are shown.
        target: Expected outputs, (n, height, width, channels), if they differ from `x`.
        every: Number of epochs from one picture to the next. The first picture is
            drawn before the first epoch, and shows the untrained model.
        images: Number of images in a row.

    Raises:
        ImportError: TensorBoard is not installed.
        TypeError: `every` or `images` is not an integer.
        ValueError: `every` or `images` is less than 1, or `x` does not hold images.

    Example:

    >>> digits = ae_zoo.data.arrays("digits", "train")
    >>> log = ae_zoo.callbacks.LogImages("logs/images", digits, every=2, images=8)
    >>> model = ae_zoo.load("variational_digits")
    >>> history = model.fit(digits, epochs=4, callbacks=[log], verbose=0)
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str],
        x: ArrayLike,
        target: ArrayLike | None = None,
        *,
        every: int = 5,
        images: int = 10,
    ) -> None:
        super().__init__()
        try:
            import tensorboard  # noqa: F401  (tf.summary does nothing without it)
        except ImportError as error:
            raise ImportError(
                "LogImages needs TensorBoard. Install it with: "
                "pip install 'ae-zoo[tensorboard]'"
            ) from error
        self._every = check_count("every", every)
        self._folder = pathlib.Path(log_dir)
        count = check_count("images", images)
        self._x = _checked("x", x)[:count]
        self._target = None if target is None else _checked("target", target)[:count]
        self._writer: Any = None

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._is_new = True

    def on_epoch_begin(
        self, epoch: int, logs: Mapping[str, float] | None = None
    ) -> None:
        if self._is_new:  # the first epoch of a resumed run has a larger number
            self._log(epoch)
        self._is_new = False

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        if (epoch + 1) % self._every == 0:
            self._log(epoch + 1)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _log(self, epochs: int) -> None:
        """Log the pictures, at the number of epochs that are done."""
        rows = shown_rows(self.model, self._x, self._target)
        codes = np.asarray(self.model.encode(self._x))
        if not is_chief(self.model.distribute_strategy):
            return
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._folder))
        samples = rows.pop("sample", None)
        with self._writer.as_default(step=epochs):
            tf.summary.image("reconstructions", self._tiled(list(rows.values())))
            tf.summary.histogram("codes", codes)
            if samples is not None:
                tf.summary.image("samples", self._tiled([samples]))
        self._writer.flush()

    def _tiled(self, rows: Sequence[np.ndarray]) -> np.ndarray:
        """Join rows of images to one picture, (1, height, width, channels)."""
        low, high = min(0.0, self._x.min()), max(1.0, self._x.max())
        if self._target is not None:
            low, high = min(low, self._target.min()), max(high, self._target.max())
        channels = max(row.shape[-1] for row in rows)
        lines = [
            np.concatenate(list(_with_channels(np.asarray(row), channels)), axis=1)
            for row in rows
        ]
        picture = (np.concatenate(lines)[None] - low) / (high - low)
        return np.clip(picture, 0, 1).astype("float32")


def _checked(name: str, images: ArrayLike) -> np.ndarray:
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[-1] not in (1, 3, 4) or not len(images):
        raise ValueError(
            f"`{name}` must hold images, (n, height, width, channels) with 1, 3 or 4 "
            f"channels. Received an array of shape {images.shape}."
        )
    return images


def _with_channels(images: np.ndarray, channels: int) -> np.ndarray:
    """Repeat gray images, so that they stand in one picture with colored ones."""
    if images.shape[-1] == 1:
        return np.repeat(images, channels, axis=-1)
    missing = channels - images.shape[-1]  # a row with alpha, and one without
    return np.pad(images, [(0, 0)] * 3 + [(0, missing)], constant_values=1)
