"""A TFLite file with the methods of an autoencoder."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ae_zoo import _checks
from ae_zoo.lite import tensors, terms
from ae_zoo.lite.signatures import Signatures


class LiteModel(Signatures):
    """A TFLite file with the methods of the Keras model it was exported from.

    Every method takes any number of samples, whatever the batch size in the file. A
    model is not thread-safe: load one for each thread.

    Args:
        interpreter: An `ai_edge_litert.interpreter.Interpreter`.
        metadata: The description of the file, a dict; empty without one.

    Attributes:
        input_shape: Shape of a batch of inputs, (None, ...).
        latent_shape: Shape of the code of one sample, (d,).
        signatures, metadata: See `Signatures`.

    Raises:
        ValueError: The file has none of the signatures of an autoencoder.
    """

    def __init__(self, interpreter: Any, metadata: Mapping[str, Any]) -> None:
        super().__init__(interpreter, metadata)
        if not {"reconstruct", "infer", "encode", "decode"} & set(self.signatures):
            raise ValueError(
                "The file must have a signature 'reconstruct', 'infer', 'encode' or "
                f"'decode'. It has {list(self.signatures)}. Write one with "
                "model.export('m.tflite', format='litert')."
            )
        shapes = {
            name: tensor["shape"]
            for signature in self.signatures.values()
            for name, tensor in (signature["outputs"] | signature["inputs"]).items()
        }
        self.input_shape = (None, *shapes["x"][1:]) if "x" in shapes else None
        self.latent_shape: tuple[int, ...] | None = (
            shapes["z"][1:] if "z" in shapes else None
        )

    def reconstruct(self, x: ArrayLike) -> np.ndarray:
        """The reconstruction x̂: (batch, ...) to (batch, ...). Errors as `run`."""
        # The signature is called `infer` in a file that can be trained.
        name = "infer" if "infer" in self.signatures else "reconstruct"
        return self._run_for_one(name, x=x)

    def encode(self, x: ArrayLike) -> np.ndarray:
        """The latent code z: (batch, ...) to (batch, d). Errors as `run`."""
        return self._run_for_one("encode", x=x)

    def decode(self, z: ArrayLike) -> np.ndarray:
        """The reconstruction x̂ of z: (batch, d) to (batch, ...). Errors as `run`."""
        return self._run_for_one("decode", z=z)

    def score(self, x: ArrayLike, seed: int = 0) -> np.ndarray:
        """The loss of each sample: the anomaly score.

        A file in full int8 has no such signature, because eight bits cannot hold its
        range. The score is then computed in float from the terms that the description
        of the file names: from `reconstruct`, or for a variational model, whose score
        includes the KL to N(0, I), from `posterior` and `decode`.

        Args:
            x: (batch, ...).
            seed: Seed of the draws of z in a variational model. They come from NumPy's
                generator, so they differ from those of the Keras model.

        Returns:
            (batch,), in nats (Gaussian: half the squared error).

        Raises:
            TypeError, ValueError: As `run`; or there is neither the signature nor a
                description to compute the score from.
        """
        if "score" not in self.signatures:
            return self._score_in_float(x, seed)
        inputs = {"x": x}
        if "eps" in self._inputs["score"]:
            inputs["eps"] = self._draws(np.shape(x)[:1], seed)
        return self._run_for_one("score", **inputs)

    def sample(self, n: int, seed: int | None = None) -> np.ndarray:
        """Draw x̂ from a variational model by decoding n codes from its prior.

        Args:
            n: Number of samples.
            seed: Integer; equal seeds give equal samples. None draws new ones.

        Returns:
            (n, ...).

        Raises:
            ValueError: n < 1, the file cannot decode, or the model has no prior.
        """
        _checks.check_count("n", n)
        if "decode" in self.signatures and "posterior" not in self.signatures:
            raise ValueError(
                "`sample` needs a variational model: other models have no prior. "
                "Decode codes of your own with `decode`."
            )
        self._check_has("sample")
        return self._run_for_one("sample", eps=self._draws((n,), seed))

    def _score_in_float(self, x: ArrayLike, seed: int) -> np.ndarray:
        names = self.metadata.get("score_terms")
        if not names or not self._can_compute(names):
            raise ValueError(self._no_score())
        support = self.metadata.get("input_range")
        _checks.check_array(x, "x", (self.input_shape or ())[1:], support)
        x = np.asarray(x, "float32")
        draws = {}
        if self.latent_shape is not None:
            draws["eps"] = self._draws(x.shape[:1], seed)
        is_int8 = str(self.metadata.get("quantization")).startswith("int8")
        scaling = self.metadata.get("scaling")
        return terms.score(names, self.run, x, draws, is_int8, scaling)

    def _can_compute(self, names: list[str]) -> bool:
        needed = terms.signatures_of(names)
        if not needed <= set(self.signatures) or self.input_shape is None:
            return False
        (last,) = needed - {"posterior"}
        (output,) = self.signatures[last]["outputs"].values()
        return output["shape"][1:] == self.input_shape[1:]  # x is its own target

    def _no_score(self) -> str:
        message = f"The file has no signature 'score'. It has {list(self.signatures)}. "
        if not self.metadata:
            return message + (
                "In a quantized file the score is computed with the sidecar, the .json "
                "file that was exported with it: put it next to the .tflite file."
            )
        if self.metadata.get("prior") not in (None, "N(0, I)"):
            return message + (
                "The KL to a learned prior, "
                f"{self.metadata['prior']} here, cannot be computed without it. Export "
                "the model in float32, or with quantization='float16' or 'dynamic'."
            )
        return message + (
            "Its sidecar does not say how to compute it from the others. Export "
            "the model in float32, or with quantization='float16' or 'dynamic'."
        )

    def _draws(self, batch_shape: tuple[int, ...], seed: int | None) -> np.ndarray:
        shape = (*batch_shape, *(self.latent_shape or ()))
        return np.random.default_rng(seed).standard_normal(shape, "float32")

    # Files exported with `trainable=True`.

    def train(self, **inputs: ArrayLike) -> dict[str, np.ndarray]:
        """Run one training step on one batch.

        Args:
            **inputs: The inputs of the signature `train`, in exactly its shapes.

        Returns:
            {name: array} of its outputs, such as the loss.

        Raises:
            TypeError: An input of a wrong dtype.
            ValueError: The file cannot be trained, or an input does not fit.
        """
        self._check_has("train")
        details = self._inputs["train"]
        tensors.check_names("train", inputs, details)
        for name in {"x", "y"} & set(inputs):
            is_noisy = name == "x" and "y" in inputs
            self._checked(inputs[name], name, details[name], is_noisy)
        return self._runners["train"](**tensors.fitted(inputs, details))

    def save_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Write the weights to a NumPy `.npz` file, replacing an older one.

        Args:
            filepath: Path of the file.

        Raises:
            ValueError: The file cannot be trained.
        """
        self._check_has("save")
        # Training on the device cannot be repeated, so an interrupted write must not
        # damage the older file.
        unfinished = pathlib.Path(f"{filepath}.unfinished")
        with unfinished.open("wb") as file:
            np.savez(file, **self._runners["save"]())
        os.replace(unfinished, filepath)

    def restore_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Restore the weights that `save_weights` wrote.

        Args:
            filepath: The `.npz` file.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file cannot be trained, or the weights are damaged or belong
                to another model.
        """
        self._check_has("restore")
        try:
            with (
                open(filepath, "rb") as file,
                np.load(file, allow_pickle=False) as archive,
            ):
                weights = dict(archive)
        except FileNotFoundError:
            raise
        except Exception as error:  # zipfile, zlib and NumPy each have their own
            raise ValueError(
                f"'{filepath}' must be an .npz file written by `save_weights`. It "
                f"cannot be read: {error}"
            ) from error
        details = self._inputs["restore"]
        tensors.check_names("restore", weights, details)
        self._runners["restore"](**tensors.fitted(weights, details))
