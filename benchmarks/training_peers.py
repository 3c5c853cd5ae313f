"""The arms of `training.py` that use PyTorch."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any

import common
import training

try:
    import torch
    import torch_variants
except ImportError as error:
    raise common.Missing("It needs: pip install torch") from error

try:
    from pyod.models.auto_encoder import AutoEncoder
    from pyod.utils.torch_utility import TorchDataset
except ImportError:
    AutoEncoder = None

BATCH_SIZE = training.BATCH_SIZE


def work(options: common.Result, images: Callable[[int], Any]) -> common.Result:
    """Measure one arm; see `training.work`."""
    torch.set_num_threads(common.cores())
    torch.manual_seed(0)
    arms = {"torch": _loop, "compile": _loop, "pythae": _pythae, "pyod": _pyod}
    return arms[options["arm"]](options)


# Plain PyTorch.


def _loop(options: common.Result) -> common.Result:
    build = torch_variants.BUILD[options["variant"]]
    device = {"cpu": "cpu", "gpu": "cuda", "2 replicas": "cuda"}[options["device"]]
    if device == "cuda" and not torch.cuda.is_available():
        raise common.Missing("This PyTorch finds no GPU.")
    parameters = sum(p.numel() for p in build().parameters())
    memory_format = _faster_format(build, device)
    is_compiled = options["arm"] == "compile"

    def make() -> Callable[[Any, int], float]:
        if is_compiled:
            torch._dynamo.reset()  # compile again, as a first fit does
        trainer = Trainer(build, device, memory_format, is_compiled)
        return trainer.fit

    result = training.time_series(options, make)
    return result | {"parameters": parameters, "memory_format": str(memory_format)}


class Trainer:
    """The training loop that a user of plain PyTorch would write, without its waste."""

    def __init__(
        self,
        build: Callable[[], torch.nn.Module],
        device: str,
        memory_format: torch.memory_format,
        is_compiled: bool = False,
    ) -> None:
        model = build()
        self.is_convolutional = hasattr(model, "is_convolutional")
        self.memory_format = memory_format
        if self.is_convolutional:
            model = model.to(memory_format=memory_format)
        model = model.to(device).train()
        self.device = device
        self.optimizer = torch.optim.Adam(model.parameters(), fused=True)
        self.model = torch.compile(model) if is_compiled else model

    def fit(self, x: Any, epochs: int) -> float:
        """Train on NumPy images (rows, 28, 28, 1); return the last mean loss."""
        rows = torch.from_numpy(x).to(self.device)
        if self.is_convolutional:
            rows = rows.permute(0, 3, 1, 2).to(memory_format=self.memory_format)
        else:
            rows = rows.reshape(len(x), -1)
        for _ in range(epochs):
            order = torch.randperm(len(rows), device=self.device)
            total = torch.zeros((), device=self.device)
            for start in range(0, len(rows), BATCH_SIZE):
                batch = rows[order[start : start + BATCH_SIZE]]
                if self.is_convolutional:
                    batch = batch.to(memory_format=self.memory_format)
                self.optimizer.zero_grad()
                loss = self.model(batch)
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(batch)
        return total.item() / len(rows)


def _faster_format(
    build: Callable[[], torch.nn.Module], device: str
) -> torch.memory_format:
    """Try both memory formats of images on a few batches."""
    if not hasattr(build(), "is_convolutional"):
        return torch.contiguous_format
    x = training.images(10 * BATCH_SIZE)
    seconds = {}
    for memory_format in (torch.contiguous_format, torch.channels_last):
        trainer = Trainer(build, device, memory_format)
        trainer.fit(x[: 2 * BATCH_SIZE], 1)
        durations = []
        for _ in range(2):
            started = time.perf_counter()
            trainer.fit(x, 1)
            durations.append(time.perf_counter() - started)
        seconds[memory_format] = min(durations)
    return min(seconds, key=seconds.__getitem__)


# Pythae.


def _pythae(options: common.Result) -> common.Result:
    try:
        import pythae_models
    except ImportError as error:
        raise common.Missing(f"It needs: pip install pythae. ({error})") from error
    if options["device"] != "cpu":
        raise common.Missing("It is measured on the CPU only.")
    with tempfile.TemporaryDirectory() as folder:
        return training.time_series(
            options,
            lambda: pythae_models.fit_function(options["variant"], folder, BATCH_SIZE),
        )


# PyOD.


def _pyod(options: common.Result) -> common.Result:
    """Time `AutoEncoder.train`, without the scores that its `fit` computes after it."""
    if AutoEncoder is None:
        raise common.Missing("It needs: pip install pyod")
    if options["device"] != "cpu":
        raise common.Missing("It is measured on the CPU only.")
    hidden = {"undercomplete": [1024, 32], "deep": [1000, 500, 250, 30]}
    units = hidden[options["variant"]]
    return training.time_series(options, lambda: _pyod_fit(units))


def _pyod_fit(hidden: list[int]) -> Callable[[Any, int], float]:
    detector = AutoEncoder(
        preprocessing=False,
        batch_size=BATCH_SIZE,
        hidden_neuron_list=hidden,
        batch_norm=False,
        dropout_rate=0.0,
        optimizer_params={},
        device="cpu",
        verbose=0,
    )

    def fit(x: Any, epochs: int) -> float:
        flat = x.reshape(len(x), -1)
        if not hasattr(detector, "model"):
            detector.feature_size = flat.shape[1]
            detector.build_model()
            detector.training_prepare()
        detector.epoch_num = epochs
        data = torch.utils.data.DataLoader(
            TorchDataset(flat), batch_size=BATCH_SIZE, shuffle=True
        )
        detector.train(data)
        return float("nan")  # the squared error, in another unit

    return fit
