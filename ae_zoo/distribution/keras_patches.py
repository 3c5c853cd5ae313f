"""The only module that relies on private parts of Keras and TensorFlow.

The docstring of each item names the private part and the reason for using it.
`tests/test_keras_patches.py` has a test for each item, which fails if a release of
Keras or TensorFlow removes the private part or makes the item unnecessary.
"""

from __future__ import annotations

import contextlib
import contextvars
import copy
import functools
import os
import re
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import keras
import tensorflow as tf
from keras import ops

from ae_zoo.distribution.replicas import is_multi_worker
from ae_zoo.distribution.step_loop import ArraysInMemory, Pace, StepLoop

if TYPE_CHECKING:
    from collections.abc import Callable

    from keras.optimizers.schedules import LearningRateSchedule

if keras.config.backend() != "tensorflow":
    raise ImportError(
        "ae_zoo trains with Keras on TensorFlow. Received the Keras backend "
        f"{keras.config.backend()!r}. Set the environment variable "
        "KERAS_BACKEND=tensorflow before keras is imported."
    )

# First and last release that passed the tests. The bounds in setup.py are the same.
TESTED = {"keras": ("3.12", "3.15"), "tensorflow": ("2.20", "2.21")}


# The argument by which `Model.fit` tells `Model.evaluate` that it validates.
FROM_FIT = "_use_cached_eval_dataset"


class MultiWorkerModel(keras.Model):
    """A model that trains on several machines.

    `fit` and `evaluate` of Keras fail under `MultiWorkerMirroredStrategy` (issue 20585
    of keras-team/keras): they build the model from the mean of the replicas' first
    batches, which may differ in shape, and they average the logs of a step over axis 0,
    though logs are scalars.

    Private parts: overrides `Model._maybe_symbolic_build`, calls
    `Model._symbolic_build`.

    Subclasses have an `input_shape` and an `output_shape`, and their steps return the
    same logs on all replicas.
    """

    train_function: Callable[..., Any] | None
    test_function: Callable[..., Any] | None
    _arrays_in_memory: ArraysInMemory | None = None
    _trusts_data = False
    _adapts_steps = False
    _has_batch_hooks = False
    steps_of_call = 1

    @contextlib.contextmanager
    def trusting(self, is_checked: bool) -> Iterator[None]:
        """Let a step know, while it is traced, that its data are checked before."""
        before, self._trusts_data = self._trusts_data, is_checked
        try:
            yield
        finally:
            self._trusts_data = before

    def _maybe_symbolic_build(
        self, iterator: Any = None, data_batch: Any = None
    ) -> None:
        """Build metrics, loss and optimizer from shapes, before a step is traced.

        Keras leaves this to the first step if there is no strategy. If that step fails
        because of its data, the optimizer is then half built, and no later step works.
        """
        x, y = (keras.KerasTensor(s) for s in (self.input_shape, self.output_shape))
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=(x, y))

        if iterator is not None and self._runs_in_loop:
            plan_calls(iterator, self)

    def make_train_function(self, force: bool = False) -> None:
        if self._runs_in_loop:
            self.train_function = StepLoop(self, self.train_step)
        elif is_multi_worker(self.distribute_strategy):
            self.train_function = self._replicated(self.train_step)
        else:
            super().make_train_function(force)

    def make_test_function(self, force: bool = False) -> None:
        if self._runs_in_loop:
            self.test_function = StepLoop(self, self.test_step)
        elif is_multi_worker(self.distribute_strategy):
            self.test_function = self._replicated(self.test_step)
        else:
            super().make_test_function(force)

    @property
    def _runs_in_loop(self) -> bool:
        with self.distribute_strategy.scope():
            return not (tf.distribute.has_strategy() or self.run_eagerly)

    def _replicated(self, step: Callable) -> Callable[[Iterator], dict[str, tf.Tensor]]:
        """Run a step on each replica and return the logs of the first local one."""
        strategy = self.distribute_strategy

        def run(batch: Any) -> dict[str, tf.Tensor]:
            logs = strategy.run(step, args=(batch,))
            return tf.nest.map_structure(
                lambda value: strategy.experimental_local_results(value)[0], logs
            )

        def run_next(
            iterator: tf.distribute.DistributedIterator,
        ) -> dict[str, tf.Tensor]:
            return run(iterator.get_next())

        if not self.run_eagerly:
            run = tf.function(run, reduce_retracing=True)
            run_next = tf.function(run_next, reduce_retracing=True)

        def function(iterator: Iterator) -> dict[str, tf.Tensor]:
            if isinstance(iterator, tf.distribute.DistributedIterator):
                return run_next(iterator)
            return run(next(iterator))  # from `train_on_batch` and `test_on_batch`

        return function


def plan_calls(epoch_iterator: Any, model: MultiWorkerModel) -> None:
    """Choose how many steps `fit` or `evaluate` makes in each call of the graph.

    Keras makes `steps_per_execution` steps in each call, a number that is a constant of
    its graph, and makes more steps than asked for if it does not divide
    `steps_per_epoch`. While the number of batches is unknown, an adapted call makes
    one step.

    Private parts: `EpochIterator._enumerate_iterator`, `EpochIterator.num_batches`,
    `EpochIterator.steps_per_execution`.
    """
    if "_enumerate_iterator" in vars(epoch_iterator):
        return  # the validations of `fit` use one iterator again and again
    pace = Pace()
    # The arrays are those of the first iterator of `fit`, not those of its validations.
    arrays, model._arrays_in_memory = model._arrays_in_memory, None
    fixed = None if model._adapts_steps else model.steps_per_execution
    if model._has_batch_hooks and fixed is None:
        fixed = 1
    epoch_iterator.steps_per_execution = 1

    def enumerate_calls() -> Iterator[tuple[int, int, Any]]:
        if arrays is not None:
            steps, count = arrays.deal(), fixed
        else:
            steps = type(epoch_iterator)._enumerate_iterator(epoch_iterator)
            count = fixed or (1 if epoch_iterator.num_batches is None else None)
        try:
            for begin, end, data in pace.grouped(steps, count):
                model.steps_of_call = end - begin + 1
                yield begin, end, data
        finally:
            model.steps_of_call = 1

    epoch_iterator._enumerate_iterator = enumerate_calls


class MatrixMuon(keras.optimizers.Muon):
    """Muon that treats the kernel of a convolution as a matrix.

    The matrix maps a patch to the filters. Keras's Muon leaves all kernels that are not
    matrices to Adam. Depthwise kernels, which have one filter, stay with Adam.

    Private parts: overrides `Muon._should_use_adamw`, and `lr_adjust` and
    `zeropower_via_newtonschulz5`, which Keras does not document. Needs Keras 3.13:
    in 3.12, Muon fails on TensorFlow.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) <= 2:
            return super()._should_use_adamw(variable)
        is_kernel = variable.path.endswith("/kernel") and variable.shape[-1] > 1
        return not is_kernel or any(
            re.search(name, variable.path) for name in self.exclude_layers
        )

    def zeropower_via_newtonschulz5(self, x: tf.Tensor, steps: int) -> tf.Tensor:
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        update = super().zeropower_via_newtonschulz5(matrix, steps)
        return ops.reshape(update, x.shape)

    def lr_adjust(self, x: tf.Tensor) -> tf.Tensor:
        matrix = super().lr_adjust(ops.reshape(x, (-1, x.shape[-1])))
        return ops.reshape(matrix, x.shape)


@contextlib.contextmanager
def fused_update(optimizer: keras.optimizers.Optimizer) -> Iterator[None]:
    """Let Adam and AdamW update a weight by one kernel, while a step is traced.

    Keras composes the update of ten operations, each of which reads and writes whole
    weights: 3.7 ms for 1.7 million weights on two cores, of which the kernel takes 1.5.
    The kernel computes 1 − β in float32, so that results differ from those of Keras in
    the fifth digit of each update. The state of the optimizer is the same.

    Private parts: replaces `Optimizer.update_step` of an instance, reads
    `Adam._momentums`, `Adam._velocities` and `Optimizer._get_variable_index`.

    Args:
        optimizer: Any optimizer. Those of other classes work as they are.
    """
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    is_adam = type(optimizer) in (keras.optimizers.Adam, keras.optimizers.AdamW)
    if not is_adam or optimizer.amsgrad:
        yield
        return
    compose = optimizer.update_step

    def update_step(gradient: Any, variable: tf.Variable, learning_rate: Any) -> None:
        if isinstance(gradient, tf.IndexedSlices):
            compose(gradient, variable, learning_rate)
            return
        index = optimizer._get_variable_index(variable)
        numbers = (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon, learning_rate)
        beta_1, beta_2, epsilon, rate = (tf.cast(n, variable.dtype) for n in numbers)
        step = tf.cast(optimizer.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
            beta1_power=beta_1**step,
            beta2_power=beta_2**step,
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=tf.cast(gradient, variable.dtype),
        )

    # Not through Keras, which would track the attribute.
    vars(optimizer)["update_step"] = update_step
    try:
        yield
    finally:
        vars(optimizer).pop("update_step", None)


def disable_gradient_sum(optimizer: keras.optimizers.Optimizer) -> None:
    """Make an optimizer take gradients that are already summed over all replicas.

    Keras sums gradients after it has clipped them and has checked them for infinities,
    so each replica would clip by the norm of its own share.

    Private part: replaces `Optimizer._all_reduce_sum_gradients`.
    """
    innermost = getattr(optimizer, "inner_optimizer", optimizer)  # if losses are scaled
    innermost._all_reduce_sum_gradients = list


def learning_rate_or_schedule(
    optimizer: keras.optimizers.Optimizer,
) -> keras.Variable | LearningRateSchedule:
    """Return the learning rate of an optimizer, or the schedule it was given.

    `optimizer.learning_rate` is the current value of a schedule, not the schedule.

    Private part: reads `Optimizer._learning_rate`.
    """
    return optimizer._learning_rate


def clear_losses(model: keras.Model) -> None:
    """Remove what `add_loss` has added to a model and its layers.

    Keras does so when the model itself is called. A step that calls the layers one by
    one has to do it before the first call.

    Private part: calls `Layer._clear_losses`.
    """
    model._clear_losses()


def clear_own_losses(model: keras.Model) -> None:
    """Remove what `add_loss` has added to a model, but not to its layers.

    Unlike `clear_losses`, it may be used after the layers were called.

    Private part: clears `Layer._losses`.
    """
    model._losses.clear()


def mask_of(tensor: Any) -> tf.Tensor | None:
    """Return the mask that layers such as `Masking` attach to their outputs, or None.

    Private part: reads the attribute `_keras_mask`.
    """
    return getattr(tensor, "_keras_mask", None)


def logits_of(probabilities: Any) -> tf.Tensor | None:
    """Return the logits whose sigmoid a tensor is, or None if they are not known.

    Private parts: `_keras_logits`, which Keras's activations attach to their results,
    and the operation of a tensor in a graph, as Keras's `binary_crossentropy` finds it.
    """
    logits = getattr(probabilities, "_keras_logits", None)
    if logits is None and tf.is_symbolic_tensor(probabilities):
        operation = probabilities.op
        logits = operation.inputs[0] if operation.type == "Sigmoid" else None
    return logits


def all_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of a model, of the models and layers in it, and so on.

    `model.layers` has those of the first level only, and a wrapper such as
    `Bidirectional` has no `layers`.

    Private part: calls `Layer._flatten_layers`.
    """
    return list(model._flatten_layers(include_self=False))


# Keras sets these of a layer when it is called or saved; no graph depends on them.
_BOOKKEEPING = ("_called", "_jit_compile", "_parent_path")


def attributes_of_layer(layer: keras.layers.Layer) -> list[Any]:
    """Return the attributes of a layer that its graphs may depend on.

    Private part: the names of those that Keras changes when a layer is called.
    """
    return [value for name, value in vars(layer).items() if name not in _BOOKKEEPING]


# Keras sets these of a model when it is compiled, trained or called.
_STATE_OF_MODEL = frozenset(
    {
        "built",
        "compiled",
        "history",
        "optimizer",
        "predict_function",
        "steps_of_call",
        "stop_evaluating",
        "stop_predicting",
        "stop_training",
        "test_function",
        "train_function",
    }
)


def attributes_of_model(model: keras.Model) -> list[Any]:
    """Return the public attributes of a model that its graphs may depend on.

    Private part: the names of those that Keras changes when it runs a model.
    """
    return [
        value
        for name, value in vars(model).items()
        if not name.startswith("_") and name not in _STATE_OF_MODEL
    ]


def attributes_of_optimizer(optimizer: Any) -> list[Any]:
    """Return the numbers that an optimizer has as public attributes, and its schedule.

    Private part: a schedule of learning rates is in `_learning_rate`.
    """
    if optimizer is None:
        return []
    inner = getattr(optimizer, "inner_optimizer", None)  # of a LossScaleOptimizer
    numbers = [
        value
        for name, value in vars(optimizer).items()
        if isinstance(value, (int, float)) and name[0] != "_" and name != "built"
    ]
    schedule = getattr(optimizer, "_learning_rate", None)
    return [*numbers, schedule, *attributes_of_optimizer(inner)]


def weights_without_optimizer(model: keras.Model) -> list[str]:
    """Return the paths of trainable weights that were not when the optimizer was built.

    Private part: reads `Optimizer._trainable_variables`.
    """
    optimizer = model.optimizer
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if not optimizer.built:
        return []
    known = {id(variable) for variable in optimizer._trainable_variables}
    return [w.path for w in model.trainable_weights if id(w) not in known]


def set_initial_epoch(model: keras.Model, epoch: int | None) -> None:
    """Set the epoch that `fit` starts from; for callbacks, in `on_train_begin`.

    None returns the choice to the argument `initial_epoch` of `fit`.

    Private part: sets `Model._initial_epoch`, as `keras.callbacks.BackupAndRestore`.
    """
    model._initial_epoch = epoch


# What callbacks of Keras remember from epoch to epoch: they have no method that returns
# it, and some of the attributes are private.
CALLBACK_STATE: dict[type[keras.callbacks.Callback], tuple[str, ...]] = {
    keras.callbacks.EarlyStopping: (
        "best",
        "best_epoch",
        "best_weights",
        "stopped_epoch",
        "wait",
    ),
    keras.callbacks.ModelCheckpoint: (
        "best",
        "_batches_seen_since_last_saving",
        "_last_batch_seen",
    ),
    keras.callbacks.ReduceLROnPlateau: ("best", "cooldown_counter", "wait"),
    keras.callbacks.SwapEMAWeights: ("_ema_weights_in_model",),
}


@contextlib.contextmanager
def names_kept() -> Iterator[None]:
    """Give layers that are built after the block the names that they had without it.

    Keras counts the layers of each class, for names such as "dense_1".

    Private part: the attribute "object_name_uids" of Keras's global state.
    """
    from keras.src.backend.common import global_state

    name = "object_name_uids"
    before = copy.copy(global_state.get_global_attribute(name))
    try:
        yield
    finally:
        global_state.set_global_attribute(name, before)


def enable_heartbeats(workers: int, timeout: int) -> None:
    """Make the workers of a cluster report to the first one that they are alive.

    To be called before `tf.distribute.MultiWorkerMirroredStrategy`, whose constructor
    would start the same service with a fixed timeout.

    Private parts: `tensorflow.python.eager.context` and a protocol buffer.

    Args:
        workers: Number of workers, all of the job "worker".
        timeout: Seconds of silence after which a worker counts as lost.
    """
    from tensorflow.compiler.xla.tsl.protobuf import coordination_config_pb2
    from tensorflow.python.eager import context  # type: ignore[attr-defined]

    job = coordination_config_pb2.CoordinatedJob(  # type: ignore[attr-defined]
        name="worker", num_tasks=workers
    )
    context.context().configure_coordination_service(
        "standalone",
        "/job:worker/replica:0/task:0",
        heartbeat_timeout_in_ms=1000 * timeout,
        coordinated_jobs=[job],
    )


def unpack_tflite(content: bytes) -> Any:
    """Return the contents of a `.tflite` file as objects that can be packed again.

    Private part: `tensorflow.lite.tools.flatbuffer_utils`.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    return flatbuffer_utils.read_model_from_bytearray(bytearray(content))


class TFLiteTensor(NamedTuple):
    """A tensor of a `.tflite` file.

    Attributes:
        name: Its name.
        type: Its type in the spelling of the schema, such as "INT8".
        shape: Its shape.
        is_stored: Whether the file stores its values.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    is_stored: bool


class TFLiteOperator(NamedTuple):
    """An operator of a `.tflite` file: its name, such as "CONV_2D", and its tensors."""

    name: str
    inputs: list[TFLiteTensor]
    outputs: list[TFLiteTensor]


def tflite_operators(content: bytes) -> Iterator[TFLiteOperator]:
    """Yield the operators of a `.tflite` file, also those of loops and branches.

    The interpreter shows only the tensors of one signature.

    Private part: `tensorflow.lite.tools.flatbuffer_utils`.
    """
    from tensorflow.lite.tools import flatbuffer_utils

    model = unpack_tflite(content)

    def described(tensor: Any) -> TFLiteTensor:
        shape = () if tensor.shape is None else tuple(tensor.shape.tolist())
        data = model.buffers[tensor.buffer].data
        is_stored = data is not None and len(data) > 0
        kind = flatbuffer_utils.type_to_name(tensor.type)
        return TFLiteTensor(tensor.name.decode(), kind, shape, is_stored)

    for graph in model.subgraphs:
        tensors = [described(tensor) for tensor in graph.tensors]
        for operator in graph.operators:
            name = flatbuffer_utils.opcode_to_name(model, operator.opcodeIndex)
            taken, given = (
                [tensors[i] for i in ([] if ends is None else ends) if i >= 0]
                for ends in (operator.inputs, operator.outputs)
            )
            yield TFLiteOperator(name, taken, given)


def operators_of(directory: str | os.PathLike[str]) -> dict[str, set[str]]:
    """Return the operators in the graphs of a SavedModel, and the scopes they are in.

    Private part: the protocol buffer of a SavedModel.

    Returns:
        {operator: names of scopes, such as "functional/lstm"}.
    """
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    with open(os.path.join(directory, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    found: dict[str, set[str]] = {}
    for graph in (meta.graph_def for meta in saved.meta_graphs):
        functions = (function.node_def for function in graph.library.function)
        for node in (node for nodes in (graph.node, *functions) for node in nodes):
            found.setdefault(node.op, set()).add(node.name.rpartition("/")[0])
    return found


def set_per_channel_dense(converter: tf.lite.TFLiteConverter, enabled: bool) -> None:
    """Set whether int8 kernels of dense layers have a scale for each channel.

    Private part: an attribute of the converter. The public package `litert-quantizer`
    0.11 writes larger files from the float ones, even with `share_vectors`: 85,952
    bytes instead of 74,304 for denoising_digits, 55,296 instead of 45,696 for
    deep_digits, with headlines 0.03 % and 0.8 % better, and for variational_digits
    43,072 instead of 31,488 with one 0.08 % worse.
    """
    converter._experimental_disable_per_channel_quantization_for_dense_layers = (
        not enabled
    )


class Meter(Protocol):
    """What `metered` reports to. Each method may raise, which ends the building."""

    def made(self) -> None:
        """A layer or an operation is made."""

    def called(self, layer: keras.Operation, inputs: Any) -> None:
        """A layer or an operation is called; `inputs` is the first argument."""

    def returned(self, outputs: Any) -> None:
        """A layer or an operation has returned these outputs."""

    def started(self, variable: keras.Variable, initializer: Any) -> Any:
        """A variable gets its memory. Returns the initializer to fill it with."""


@contextlib.contextmanager
def metered(meter: Meter) -> Iterator[None]:
    """Report what Keras makes and calls in this thread while it builds a model.

    Keras has no limit on what a configuration may ask for: it allocates all variables
    of a model before it compares one of them with the stored weights, and it builds a
    `Sequential` again after each layer.

    Private parts: replaces `Variable._initialize_with_initializer`. The other methods
    are public, but are not made to be replaced: `Operation.__init__` and `.__call__`,
    and `Layer.__call__`.
    """
    token = _meter.set(meter)
    try:
        with _Hooks():
            yield
    finally:
        _meter.reset(token)


_meter: contextvars.ContextVar[Meter | None] = contextvars.ContextVar(
    "meter", default=None
)


class _Hooks:
    """Replaces methods of Keras as long as some thread needs it."""

    _guard = threading.Lock()
    _users = 0
    _originals: list[tuple[type, str, Callable]] = []

    def __enter__(self) -> None:
        with self._guard:
            if not _Hooks._users:
                for cls, name, wrap in _HOOKS:
                    original = getattr(cls, name)
                    self._originals.append((cls, name, original))
                    setattr(cls, name, functools.wraps(original)(wrap(original)))
            _Hooks._users += 1

    def __exit__(self, *error: object) -> None:
        with self._guard:
            _Hooks._users -= 1
            if not _Hooks._users:
                for cls, name, original in self._originals:
                    setattr(cls, name, original)
                self._originals.clear()


def _on_init(original: Callable) -> Callable:
    # Keras reads the names of the arguments, to know those of an operation.
    def method(self: Any, name: str | None = None) -> None:
        if meter := _meter.get():
            meter.made()
        original(self, name=name)

    return method


def _on_call(original: Callable, calls_as_layer: bool = False) -> Callable:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        meter = _meter.get()
        if meter is None or calls_as_layer and isinstance(self, keras.layers.Layer):
            return original(self, *args, **kwargs)
        meter.called(self, args[0] if args else None)
        outputs = original(self, *args, **kwargs)
        meter.returned(outputs)
        return outputs

    return method


def _on_variable(original: Callable) -> Callable:
    def method(self: Any, initializer: Any) -> None:
        if meter := _meter.get():
            initializer = meter.started(self, initializer)
        original(self, initializer)

    return method


_HOOKS: list[tuple[type, str, Callable[[Callable], Callable]]] = [
    (keras.Operation, "__init__", _on_init),
    # Layers call it too, after their own method.
    (keras.Operation, "__call__", functools.partial(_on_call, calls_as_layer=True)),
    (keras.layers.Layer, "__call__", _on_call),
    (keras.Variable, "_initialize_with_initializer", _on_variable),
]


def with_logits(output: Any, function: Callable[[tf.Tensor], tf.Tensor]) -> tf.Tensor:
    """Apply a function that selects elements to an output and to its logits.

    A cross-entropy reads the logits of a sigmoid, which keep their precision where the
    sigmoid saturates. Any operation after the sigmoid hides them.

    Private part: the attribute `_keras_logits` of the output of a sigmoid.
    """
    selected: Any = function(output)
    logits = getattr(output, "_keras_logits", None)
    if logits is not None and selected is not output:
        selected._keras_logits = function(logits)
    return selected
