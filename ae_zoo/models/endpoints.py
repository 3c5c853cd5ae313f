"""The methods that use a trained model: encode, decode, reconstruct, score, export."""

from __future__ import annotations

import math
import os
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from ae_zoo import _checks
from ae_zoo._batches import map_in_batches, slices
from ae_zoo._checks import check_count
from ae_zoo.models import inputs, tiling
from ae_zoo.models.guarded import FUNCTIONS
from ae_zoo.models.hooks import Hooks
from ae_zoo.models.objective import Batch, Draws, Parts, Tensor
from ae_zoo.networks import receptive_field

_CHECKED_AT_ONCE = 4096  # rows of a file that are checked before the work starts


class Endpoint(NamedTuple):
    """A function of a model that exported files offer.

    Attributes:
        function: Takes tensors in the order of `inputs`; returns a tensor, or a tuple
            of tensors for several outputs.
        inputs: The `tf.TensorSpec` of each input by name, with None for the batch.
        outputs: Names of the outputs.
    """

    function: Callable[..., Any]
    inputs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, tf.TensorSpec]

    def named(self, *inputs: Tensor) -> dict[str, Tensor]:
        """Call the function and return its outputs by name, floats as float32."""
        results = self.function(*inputs)
        results = results if isinstance(results, tuple) else (results,)
        return {
            name: tf.cast(value, "float32") if value.dtype.is_floating else value
            for name, value in zip(self.outputs, results, strict=True)
        }

    def traced(self, batch_size: int | None) -> Any:
        """Return `named` as a `tf.function`; None stands for any batch size."""
        specs = [with_batch(spec, batch_size) for spec in self.inputs.values()]
        return tf.function(self.named, input_signature=specs, autograph=False)

    def run(self, **inputs: Any) -> dict[str, np.ndarray]:
        """Call `named` with NumPy arrays by name and return NumPy arrays by name."""
        outputs = self.named(*(tf.constant(inputs[name]) for name in self.inputs))
        return {name: value.numpy() for name, value in outputs.items()}


class Endpoints(Hooks):
    """The functions of an autoencoder that its users and its exported files call.

    Each processes arrays of any length in batches with a compiled function, and returns
    NumPy arrays. Inside other graphs, such as a `tf.function`, `dataset.map` or a
    functional model, they take and return tensors.
    """

    _endpoints: dict[str, Callable[..., Any]]
    # Keras would track the contents of a plain dict.
    _attached_endpoints: Mapping[str, Endpoint] = types.MappingProxyType({})
    _layer: Callable[[], EndpointLayer] | None = None

    def encode(self, x: Any, batch_size: int = 256) -> np.ndarray:
        """The latent code z, without corruption: (batch, ...) to (batch, d)."""
        return self._run("encode", (self._checked_input(x, False),), batch_size)

    def decode(self, z: Any, batch_size: int = 256) -> np.ndarray:
        """The reconstruction x̂ of latent codes: (batch, d) to (batch, ...)."""
        if not is_symbolic(z):
            z = _checks.to_array(z, "z")
            _checks.check_array(z, "z", self.latent_shape)
        return self._run("decode", (z,), batch_size)

    def reconstruct(
        self,
        x: Any,
        batch_size: int = 256,
        tile: int | tuple[int, int] | None = None,
    ) -> np.ndarray:
        """`decode(encode(x))`, without corruption: (batch, ...) to (batch, ...).

        A model of open height and width computes large images in overlapping tiles,
        which are blended. The overlap is chosen from the receptive field of the network
        (`ae_zoo.networks.receptive_field`), so that the result is that of the whole
        image up to rounding. If a layer sees the whole image, or farther than 128
        pixels, only what is near the borders of tiles differs.

        Args:
            x: (batch, ...).
            batch_size: Number of samples that are computed at once. Of images of open
                size, no more are than have 2 million pixels in all.
            tile: Side of a tile in pixels, or (height, width). None takes 1024 for
                images of more than 2 million pixels, and computes smaller ones at
                once. The activations of one tile, and x and the result, are in memory
                at the same time.

        Returns:
            The reconstructions, (batch, ...).

        Raises:
            TypeError, ValueError: x does not suit the model; or `tile` is given for a
                model of fixed size, or is too small to overlap.
        """
        x = self._checked_input(x, False)
        if tile is not None:
            tile = tiling.check_tile(tile)
            self._check_can_tile(x)
        pixels = self._open_pixels(x)
        if tile is None and pixels <= tiling.PIXELS:
            return self._run("reconstruct", (x,), batch_size)
        field = receptive_field(self.encoder, self.decoder)
        plan = tiling.plan(tile, field)

        def reconstruct(part: np.ndarray) -> np.ndarray:
            return self._run("reconstruct", (part,))

        return np.stack([tiling.in_tiles(reconstruct, image, plan) for image in x])

    def _check_can_tile(self, x: Any) -> None:
        if self._has_open_images and not is_symbolic(x):
            return
        raise ValueError(
            "`tile` cuts arrays of images for models of open height and width. "
            + (
                "Received a tensor of a graph."
                if self._has_open_images
                else f"This model takes inputs of shape {self.input_shape[1:]}. Leave "
                "out `tile`."
            )
        )

    @property
    def _has_open_images(self) -> bool:
        shapes = self.input_shape, self.output_shape
        return all(len(shape) == 4 and shape[1:3] == (None, None) for shape in shapes)

    def _open_pixels(self, x: Any) -> int:
        """Number of pixels of each image for a model of open size, otherwise 0."""
        if is_symbolic(x) or not self._has_open_images:
            return 0
        return math.prod(x.shape[1:3])

    def score(self, x: Any, batch_size: int = 256, seed: int = 0) -> np.ndarray:
        """The loss of each sample, without corruption: the anomaly score.

        A model with a scaling computes it from scaled values.

        Args:
            x: (batch, ...).
            batch_size: Number of samples that are computed at once.
            seed: Integer seed of the random draws in the score of a variational model;
                equal seeds give equal scores.

        Returns:
            (batch,), in nats (Gaussian: half the squared error); for a variational
            model, the negative ELBO estimated from one draw of z.
        """
        self._check_self_target()
        seed = _checks.check_draw_seed(seed)
        x = self._checked_input(x, is_target=True)
        if isinstance(x, keras.KerasTensor):
            return self._as_layer()(x, endpoint="score", seed=seed)
        return self._run(
            "score", (x, *self.drawn_for_score(x, seed).values()), batch_size
        )

    def errors(self, x: Any, scaled: bool = False, batch_size: int = 256) -> np.ndarray:
        """The absolute error |x − x̂| of each value: which features are reconstructed.

        Args:
            x: (batch, ...).
            scaled: Whether to compare scaled values, of which each feature counts
                alike; otherwise the errors are in the user's units. Without a scaling
                both are the same.
            batch_size: Number of samples that are computed at once.

        Returns:
            (batch, ...), of the shape of x.

        Example:

        >>> model = ae_zoo.load("undercomplete_digits")
        >>> model.errors(ae_zoo.data.arrays("digits", "test")[:5]).shape
        (5, 8, 8, 1)
        """
        self._check_self_target()
        x = _checks.to_array(x, "x")
        difference = np.abs(self.reconstruct(x, batch_size) - x.astype("float32"))
        if scaled and self.scaling is not None:
            difference = difference / self.scaling.width
        return difference

    def drawn_for_score(self, x: Any, seed: int) -> dict[str, Tensor]:
        """Draw the random inputs of the score of x, by name."""
        return {
            name: draw.sample(x, (seed, number))
            for number, (name, draw) in enumerate(self.score_draws().items())
        }

    def endpoints(self) -> dict[str, Endpoint]:
        """Return the functions behind these methods by name, as they are exported."""
        x = tensor_specs({"x": self.input_shape})
        z = tensor_specs({"z": (None, *self.latent_shape)})
        reconstruction = tensor_specs({"reconstruction": self.output_shape})
        endpoints = {
            "reconstruct": Endpoint(lambda x: self.call(x), x, reconstruction),
            "encode": Endpoint(self._encode, x, z),
            "decode": Endpoint(self._decode, z, reconstruction),
        }
        if self._is_own_target:
            draws = self.score_draws().items()
            shapes = {name: draw.batch_shape(None) for name, draw in draws}
            inputs = {**x, **tensor_specs(shapes)}
            score = tensor_specs({"score": (None,)})
            endpoints["score"] = Endpoint(self._score, inputs, score)
        return endpoints | dict(self._attached_endpoints)

    def attach_endpoint(self, name: str, endpoint: Endpoint) -> None:
        """Add a function to `endpoints`, so that exported files offer it, too.

        It is not saved with the model.

        Args:
            name: Its name, under which it replaces an earlier one.
            endpoint: The function. Weights that it uses, other than the model's own,
                are constants in the file.
        """
        self._attached_endpoints = types.MappingProxyType(
            {**self._attached_endpoints, name: endpoint}
        )

    def random_endpoints(self) -> dict[str, Endpoint]:
        """Return endpoints that draw from a seed, for formats that can (SavedModel)."""
        return {}

    def _encode(self, x: Tensor) -> Tensor:
        return self.bottleneck(self.parts().encode(self.scale(x)))

    def _decode(self, z: Tensor) -> Tensor:
        return self.unscale(self.parts().decode(z))

    def score_of(self, parts: Parts, x: Tensor, draws: Draws) -> Tensor:
        """Compute the score of each sample with the functions of a model or of a file.

        Args:
            parts: Functions that encode and decode.
            x: (batch, ...), in the space of the loss.
            draws: Random values by name, as `score_draws` declares them.

        Returns:
            (batch,).
        """
        state = self.terms if self.score_includes_penalty else self.forward
        terms = state(parts, Batch(x, x, tf.ones(tf.shape(x)[:1])), draws)
        loss = self.reconstruction_loss.per_sample(x, terms.reconstruction)
        return terms.penalty + loss if self.score_includes_penalty else loss

    def _score(self, x: Tensor, *draws: Tensor) -> Tensor:
        named = dict(zip(self.score_draws(), draws, strict=True))
        return self.score_of(self.parts(), self.scale(x), named)

    def export(
        self,
        filepath: str | os.PathLike[str],
        format: str = "tf_saved_model",
        **kwargs: Any,
    ) -> None:
        """Write the model for use without this library; see `ae_zoo.export`.

        Args:
            filepath: Directory of a SavedModel, or a `.tflite` or `.onnx` file.
            format: "tf_saved_model", "litert" or "onnx".
            **kwargs: As in `ae_zoo.export.export_model`.
        """
        from ae_zoo import export  # builds on models

        self.check_is_adapted()

        export.export_model(self, filepath, format, **kwargs)

    def save_pretrained(self, folder: str | os.PathLike[str], **facts: Any) -> None:
        """Write a model folder that `ae_zoo.load` reads, with a card and checksums.

        Args:
            folder: Path of the folder, which must not exist unless `overwrite` is True.
            **facts: As in `ae_zoo.zoo.save_pretrained`: `name`, `task`, `license`,
                `limits`, `paper`, `data`, `metrics`, `overwrite`.

        Example:

        >>> model = ae_zoo.load("undercomplete_digits")
        >>> images = ae_zoo.data.arrays("digits", "train")[:64]
        >>> history = model.fit(images, verbose=0)
        >>> model.save_pretrained(
        ...     "my_digits",
        ...     task="Reconstruct the digits of our forms.",
        ...     data="64 digits of our forms",
        ...     license="CC BY 4.0",
        ... )
        >>> ae_zoo.info("my_digits")["origin"]["name"]
        'undercomplete_digits'
        """
        from ae_zoo import zoo  # builds on models

        zoo.save_pretrained(self, folder, **facts)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload the model folder to a repository of the Hugging Face Hub.

        Args:
            repo_id: "user/name".
            **options: As in `ae_zoo.zoo.push_to_hub`: `private`, `token`, `revision`,
                `commit_message`, and what `save_pretrained` takes.

        Returns:
            The name for `ae_zoo.load`, "hf://user/name".

        Example:

        >>> model = ae_zoo.load("undercomplete_digits")
        >>> model.push_to_hub("me/my-digits", private=True)  # doctest: +SKIP
        'hf://me/my-digits'
        """
        from ae_zoo import zoo  # builds on models

        return zoo.push_to_hub(self, repo_id, **options)

    def _as_layer(self) -> EndpointLayer:
        """Return the one layer that holds this model, so that it is saved once."""
        if self._layer is None:
            layer = EndpointLayer(self)
            self._layer = lambda: layer  # Keras would track the layer of an attribute
        return self._layer()

    def _checked_input(self, x: Any, is_target: bool) -> Any:
        if isinstance(x, keras.KerasTensor):
            return x
        if is_symbolic(x):  # the values are not known yet
            return inputs.check_tensor(x, "x", self._sample_shape, self.input_range)
        if inputs.reads_from_disk(x):
            for rows in slices(len(x), _CHECKED_AT_ONCE):
                self._check_input(x[rows], is_target)
            return x
        x = _checks.to_array(x, "x")
        self._check_input(x, is_target)
        return x

    def refresh_graphs(self, layers: bool = True) -> None:
        if not self._traced_state.has_changed(self, layers):
            return
        self._endpoints.clear()
        for name in FUNCTIONS.values():
            if getattr(self, name) is not None:
                getattr(self, f"make_{name}")(force=True)

    def _run(self, name: str, inputs: Sequence[Any], batch_size: int = 256) -> Any:
        """Call an endpoint, in batches for arrays.

        Args:
            name: Name of the endpoint.
            inputs: What its function takes, (samples, ...) each.
            batch_size: Number of samples that are computed at once.

        Returns:
            What the function returns: NumPy arrays; tensors for tensors of a graph.
        """
        if isinstance(inputs[0], keras.KerasTensor):
            return self._as_layer()(inputs[0], endpoint=name)
        if any(is_symbolic(value) for value in inputs):
            return self.endpoints()[name].function(*inputs)
        check_count("batch_size", batch_size)
        self.check_is_adapted()
        pixels = self._open_pixels(inputs[0])
        if pixels:
            batch_size = min(batch_size, max(1, tiling.PIXELS // pixels))
        self.refresh_graphs()
        if name not in self._endpoints:
            self._endpoints[name] = _compiled(self.endpoints()[name])
        function = self._endpoints[name]
        return map_in_batches(
            # An array may be larger than memory: only a batch of it becomes a tensor.
            lambda *batch: function(*map(_as_float_tensor, batch)),
            inputs,
            batch_size,
        )


@keras.saving.register_keras_serializable("ae_zoo")
class EndpointLayer(keras.layers.Layer):
    """An autoencoder as a layer of a functional model, which calls an endpoint of it.

    `model.score(keras.Input(shape))` uses one. It holds the whole autoencoder, so the
    functional model can be saved, also if the decoder is tied.

    Args:
        model: The autoencoder.
    """

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model: Any = model
        self.built = True

    def call(self, inputs: Tensor, endpoint: str, seed: int = 0) -> Tensor:
        function = self.model.endpoints()[endpoint].function
        draws = {}
        if endpoint == "score":
            draws = self.model.drawn_for_score(inputs, seed)
        return function(inputs, *draws.values())

    def get_config(self) -> dict[str, Any]:
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> EndpointLayer:
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


def _compiled(endpoint: Endpoint) -> Callable[..., Any]:
    """Trace the function of an endpoint once, for batches of any size.

    Calling a concrete function saves the search for one that fits the arguments, a
    tenth of the time of a small model and one sample.
    """
    specs = [tf.TensorSpec(s.shape, "float32") for s in endpoint.inputs.values()]
    function = tf.function(endpoint.function, input_signature=specs, autograph=False)
    return function.get_concrete_function()


def _as_float_tensor(values: Any) -> tf.Tensor:
    if isinstance(values, np.ndarray) and values.dtype == np.float32:
        return tf.constant(values)  # takes half as long as `cast`
    return tf.cast(values, "float32")


def tensor_specs(
    shapes: Mapping[str, Any], dtype: str = "float32"
) -> dict[str, tf.TensorSpec]:
    """Return the specs of tensors by name; None in a shape is any size."""
    return {name: tf.TensorSpec(shape, dtype, name) for name, shape in shapes.items()}


def with_batch(spec: tf.TensorSpec, batch_size: int | None) -> tf.TensorSpec:
    """Return a spec with the given batch size; scalars stay as they are."""
    shape = spec.shape if spec.shape.rank == 0 else (batch_size, *spec.shape[1:])
    return tf.TensorSpec(shape, spec.dtype, spec.name)


def is_symbolic(x: Any) -> bool:
    """Whether x is a tensor of a graph or of a functional model, without values."""
    if isinstance(x, np.ndarray):  # the usual case, and the other tests are slow
        return False
    return isinstance(x, keras.KerasTensor) or (
        tf.is_tensor(x) and not hasattr(x, "numpy")
    )
