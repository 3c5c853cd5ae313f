"""The signatures of a TFLite file, run on any number of checked samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ae_zoo import _checks
from ae_zoo._batches import map_in_batches
from ae_zoo.lite import tensors, terms

_METHODS = {"train": "train", "save": "save_weights", "restore": "restore_weights"}
_OPEN_BATCH = 256  # samples at once, if the batch size of the file is open


class Signatures:
    """The signatures of a TFLite file, as functions of named arrays.

    Args:
        interpreter: An `ai_edge_litert.interpreter.Interpreter`.
        metadata: The description of the file, a dict; empty without one.

    Attributes:
        signatures: {name: {"inputs": {name: {"shape", "dtype"}}, "outputs": ...}};
            None in a shape is any size, and int8 tensors have their "scale" and
            "zero_point" too.
        metadata: As above.
    """

    def __init__(self, interpreter: Any, metadata: Mapping[str, Any]) -> None:
        self.metadata = metadata
        self._runners = {
            name: interpreter.get_signature_runner(name)
            for name in interpreter.get_signature_list()
        }
        self._inputs = {
            name: runner.get_input_details() for name, runner in self._runners.items()
        }
        self._outputs = {
            name: runner.get_output_details() for name, runner in self._runners.items()
        }
        self.signatures = {
            name: {
                "inputs": tensors.describe(self._inputs[name]),
                "outputs": tensors.describe(self._outputs[name]),
            }
            for name in self._runners
        }

    def runner(self, signature: str) -> Any:
        """Return LiteRT's runner of a signature, for arrays of exactly its shapes.

        Unlike `run` it checks nothing and works on a single batch.

        Raises:
            ValueError: There is no such signature.
        """
        self._check_has(signature)
        return self._runners[signature]

    def run(self, signature: str, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """Run a signature on any number of samples.

        Args:
            signature: One of `signatures`.
            **inputs: (batch, ...) array of each input, in floats where the tensor is
                a float or quantized, otherwise in the dtype of the tensor.

        Returns:
            {name: (batch, ...) array} of the outputs; quantized ones as floats.

        Raises:
            TypeError: An input of a wrong dtype, such as uint8 images.
            ValueError: There is no such signature, an input is missing or unknown, or
                one is empty, not finite, or of a wrong shape or range.
        """
        if signature in _METHODS:
            raise ValueError(
                f"`run` takes any number of samples, but {signature!r} does not. Call "
                f"`{_METHODS[signature]}` instead."
            )
        self._check_has(signature)
        details = self._inputs[signature]
        tensors.check_names(signature, inputs, details)
        arrays = {
            name: self._checked(value, name, details[name], noisy=signature != "score")
            for name, value in inputs.items()
        }
        outside = self._scaling_outside
        if "x" in arrays:
            arrays["x"] = terms.scaled(arrays["x"], outside)
        arrays = {
            name: tensors.quantize(value, details[name])
            for name, value in arrays.items()
        }
        samples = {name: len(value) for name, value in arrays.items()}
        if len(set(samples.values())) > 1:
            raise ValueError(
                f"The inputs must hold equally many samples. Received: {samples}"
            )
        outputs = self._run_in_batches(signature, arrays)
        outputs = {
            name: tensors.dequantize(value, self._outputs[signature][name])
            for name, value in outputs.items()
        }
        if "reconstruction" in outputs:
            outputs["reconstruction"] = terms.unscaled(
                outputs["reconstruction"], outside
            )
        return outputs

    @property
    def _scaling_outside(self) -> Mapping[str, Any] | None:
        """The scaling that the file leaves to those who run it, or None."""
        scaling = self.metadata.get("scaling")
        return None if scaling is None or scaling.get("in_file", True) else scaling

    def _run_in_batches(
        self, signature: str, inputs: dict[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        static = tensors.shape_of(next(iter(self._inputs[signature].values())))[0]
        size = static or _OPEN_BATCH

        def run(*batch: np.ndarray) -> dict[str, np.ndarray]:
            samples = len(batch[0])
            if static:
                batch = tuple(tensors.pad(array, size) for array in batch)
            outputs = self._runners[signature](**dict(zip(inputs, batch, strict=True)))
            return {name: array[:samples] for name, array in outputs.items()}

        return map_in_batches(run, list(inputs.values()), size)

    def _run_for_one(self, signature: str, **inputs: ArrayLike) -> np.ndarray:
        (output,) = self.run(signature, **inputs).values()
        return output

    def _checked(
        self, value: ArrayLike, name: str, detail: tensors.Detail, noisy: bool
    ) -> np.ndarray:
        shape = tensors.shape_of(detail)[1:]
        array = _checks.to_array(value, name)
        is_float = np.issubdtype(detail["dtype"], np.floating) or tensors.scale_of(
            detail
        )
        if not is_float:
            _checks.check_array(array, name, shape)
            if array.dtype != detail["dtype"]:
                raise TypeError(
                    f"`{name}` must have the dtype {np.dtype(detail['dtype']).name}. "
                    f"Received: {array.dtype}"
                )
            return array
        support = self.metadata.get("input_range") if name in ("x", "y") else None
        if array.dtype == np.uint8 and support is None:
            raise TypeError(
                f"`{name}` must hold floats. Received uint8. Convert it, and scale "
                "images as for training, such as `x.astype('float32') / 255`."
            )
        _checks.check_array(array, name, shape, support, noisy)
        return array.astype("float32", copy=False)

    def _check_has(self, signature: str) -> None:
        if signature not in self.signatures:
            raise ValueError(
                f"The file has no signature {signature!r}. It has "
                f"{list(self.signatures)}. Export the model again, with this signature."
            )
