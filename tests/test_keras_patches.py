"""Each private part of Keras and TensorFlow is there, and still needed.

If a test of something private fails after an upgrade, the part has moved: adapt
`ae_zoo/distribution/keras_patches`. If a test "keras still ..." or "tensorflow
still ..." fails, the part is no longer needed: remove it there.
"""

import ast
import importlib
import importlib.metadata
import inspect
import pkgutil
import re
import subprocess
import sys
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from workers import cluster_of, outputs, processes

import ae_zoo
from ae_zoo.distribution import keras_patches

PACKAGE = Path(ae_zoo.__file__).parent
ALLOWED = PACKAGE / "distribution" / "keras_patches"
HAS_MUON = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 13)
needs_muon = pytest.mark.skipif(not HAS_MUON, reason="Muon needs Keras 3.13")
X = np.arange(8.0, dtype="float32").reshape(4, 2) / 8


def release(version):
    return tuple(map(int, version.split(".")[:2]))


# Versions.


def test_bounds_in_setup_agree_with_the_tested_releases():
    text = (PACKAGE.parent / "setup.py").read_text("utf-8")
    for name, (first, last) in keras_patches.TESTED.items():
        major, minor = release(last)
        assert f'"{name}>={first},<{major}.{minor + 1}"' in text


@pytest.mark.parametrize("name", keras_patches.TESTED)
def test_the_installed_release_is_one_of_the_tested(name):
    first, last = map(release, keras_patches.TESTED[name])
    assert first <= release(importlib.metadata.version(name)) <= last


# Nothing private elsewhere.


def own_names(trees):
    """Names that the package itself defines."""
    names = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                if getattr(node.value, "id", None) in ("self", "cls"):
                    names.add(node.attr)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
    return names


def is_private(name):
    return bool(re.fullmatch("_[a-z][a-z_0-9]*", name))


def foreign_private_parts(tree, own):
    """Private attributes and modules that a file uses and the package lacks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            yield from {node.attr} - own
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from {node.value} - own if is_private(node.value) else ()
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if is_private_module(a.name))
        elif isinstance(node, ast.ImportFrom) and is_private_module(node.module or ""):
            yield node.module


def is_private_module(name):
    return bool(re.match(r"(tensorflow\.|keras\.src\b)", name))


@pytest.mark.slow
def test_private_parts_are_used_in_one_package():
    trees = {path: ast.parse(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    own = own_names(trees.values())
    # Documented: `os._exit`; `_asdict`, `_replace` of named tuples. No name: "_mask".
    found = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path, tree in trees.items()
        for name in foreign_private_parts(tree, own)
        if path.parent != ALLOWED
        and name not in ("_asdict", "_exit", "_mask", "_replace")
    }
    assert not found


def modules():
    for module in pkgutil.walk_packages(ae_zoo.__path__, "ae_zoo."):
        if not re.search(r"__main__|\.recipes\b|\.saved_models\b", module.name):
            yield importlib.import_module(module.name)


def classes():
    for module in modules():
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and name == kind.__name__:
                yield kind


def is_of_keras(kind):
    return kind.__module__.split(".")[0] in ("keras", "tensorflow")


def test_private_methods_are_overridden_in_one_package():
    found = {
        (kind.__name__, name)
        for kind in classes()
        for name in vars(kind)
        if is_private(name)
        and any(name in vars(base) for base in kind.__mro__ if is_of_keras(base))
    }
    assert found == {
        ("MatrixMuon", "_should_use_adamw"),
        ("MultiWorkerModel", "_maybe_symbolic_build"),
    }


def test_attributes_of_models_do_not_shadow_those_of_keras():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    autoencoder = ae_zoo.load("undercomplete_digits")
    assigned = set()
    for kind in type(autoencoder).__mro__:
        if kind.__module__.startswith("ae_zoo"):
            assigned |= own_names([ast.parse(Path(inspect.getfile(kind)).read_text())])
    private = {name for name in assigned if is_private(name)}
    overridden = {"_maybe_symbolic_build", "_should_use_adamw"}
    assert not private & set(dir(model)) - overridden


# Training on several machines.

PLAIN = """
import keras, numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
x = np.ones((8, 3), "float32")
model.fit(x, x[:, :1], batch_size=4, verbose=0)
print("Keras trained")
"""


@pytest.mark.slow
def test_keras_still_fails_to_train_on_several_machines(tmp_path):
    with processes([["-c", PLAIN]] * 2, tmp_path, cluster_of(2)) as started:
        texts = outputs(started)
    for text in texts:
        assert "Keras trained" not in text
        assert re.search("PerReplica|Invalid reduction dimension", text), text[-3000:]


def test_the_model_is_built_without_a_batch(two_replicas):
    class Model(keras_patches.MultiWorkerModel):
        input_shape = output_shape = (None, 2)

        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.dense.build((None, 2))
            self.built = True

        def call(self, inputs):
            return self.dense(inputs)

    def no_batches():
        raise AssertionError("a batch was read")
        yield

    with two_replicas.scope():
        model = Model()
        model.compile("adam", "mse", metrics=["mae"])
    model._maybe_symbolic_build(iterator=no_batches())
    assert model.optimizer.built
    assert {metric.name for metric in model.metrics} >= {"loss", "compile_metrics"}
    assert model.metrics_variables
    # `fit` calls this method; another name would leave Keras's own in use.
    assert "self._maybe_symbolic_build(" in inspect.getsource(
        keras.Model.fit.__wrapped__
    )


# Gradients.


def clipped_step(strategy, patch):
    """Weights after a step on four rows, with clipping below the gradient's norm."""
    with strategy.scope():
        kernel = keras.Variable(np.zeros((2, 1), "float32"))
        optimizer = keras.optimizers.SGD(1.0, clipnorm=0.1)
        optimizer.build([kernel])
    if patch:
        keras_patches.disable_gradient_sum(optimizer)
    rows = tf.constant([[3.0, 0.0], [0.0, 1.0]])
    rows = strategy.experimental_distribute_values_from_function(
        lambda context: rows[context.replica_id_in_sync_group]
    )

    @tf.function
    def step(rows):
        def replica_step(row):
            gradient = row[:, None]
            if patch:
                context = tf.distribute.get_replica_context()
                gradient = context.all_reduce("SUM", gradient)
            optimizer.apply([gradient], [kernel])

        strategy.run(replica_step, args=(rows,))

    step(rows)
    return kernel.numpy()[:, 0]


def test_summed_gradients_are_clipped_as_on_one_replica(two_replicas):
    total = np.array([3.0, 1.0])
    expected = -0.1 * total / np.linalg.norm(total)
    patched = clipped_step(two_replicas, patch=True)
    np.testing.assert_allclose(patched, expected, rtol=1e-6)


def test_keras_still_clips_before_it_sums(two_replicas):
    total = np.array([3.0, 1.0])
    plain = clipped_step(two_replicas, patch=False)
    assert not np.allclose(plain, -0.1 * total / np.linalg.norm(total), rtol=1e-3)


def test_loss_scaling_has_an_inner_optimizer():
    inner = keras.optimizers.SGD(0.1)
    keras_patches.disable_gradient_sum(keras.optimizers.LossScaleOptimizer(inner))
    pairs = ((1, 2),)
    assert inner._all_reduce_sum_gradients(pairs) == [(1, 2)]


# Optimizers.


def test_the_schedule_of_an_optimizer():
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    optimizer = keras.optimizers.SGD(schedule)
    assert keras_patches.learning_rate_or_schedule(optimizer) is schedule
    # Keras still has no public way to it.
    kind = keras.optimizers.schedules.LearningRateSchedule
    assert not isinstance(optimizer.learning_rate, kind)
    fixed = keras_patches.learning_rate_or_schedule(keras.optimizers.SGD(0.5))
    assert float(fixed) == 0.5


def kernels():
    """Of a dense layer, of a convolution of 3×3×2 to 4, and of a depthwise one."""
    layers = [
        keras.layers.Dense(4, use_bias=False),
        keras.layers.Conv2D(4, 3, use_bias=False),
        keras.layers.DepthwiseConv2D(3, use_bias=False),
    ]
    for layer, shape in zip(layers, [(None, 18), *[(None, 9, 9, 2)] * 2], strict=True):
        layer.build(shape)
    return [layer.weights[0] for layer in layers]


@needs_muon
def test_keras_still_leaves_convolutions_to_adam():
    muon = keras.optimizers.Muon()
    muon.build(kernels())
    assert [v is not None for v in muon.adam_velocities] == [False, True, True]


@needs_muon
def test_muon_takes_a_convolution_as_a_matrix():
    muon = keras_patches.MatrixMuon(0.1)
    dense, convolution, depthwise = kernels()
    muon.build([dense, convolution, depthwise])
    assert [v is not None for v in muon.adam_velocities] == [False, False, True]
    gradient = np.random.default_rng(0).normal(size=(18, 4)).astype("float32")
    dense.assign(np.zeros(dense.shape))
    convolution.assign(np.zeros(convolution.shape))
    muon.apply(
        [
            tf.constant(gradient),
            tf.reshape(gradient, convolution.shape),
            tf.zeros(depthwise.shape),
        ]
    )
    moved = np.reshape(convolution.numpy(), (18, 4))
    assert np.abs(moved).min() > 0
    np.testing.assert_array_equal(moved, dense.numpy())


# Models.


class Adding(keras.layers.Layer):
    def call(self, inputs):
        self.add_loss(ops.convert_to_tensor(1.0))
        return inputs


def model_with_losses():
    layer = Adding()
    model = keras.Sequential([keras.Input((2,)), layer])
    layer(X)
    model.add_loss(ops.convert_to_tensor(2.0))
    return model, layer


def test_losses_are_cleared():
    model, layer = model_with_losses()
    assert sorted(map(float, model.losses)) == [1.0, 2.0]
    keras_patches.clear_own_losses(model)
    assert list(map(float, model.losses)) == [1.0]
    model, layer = model_with_losses()
    keras_patches.clear_losses(model)
    assert model.losses == layer.losses == []


def test_keras_still_keeps_the_losses_of_the_step_before():
    model, layer = model_with_losses()
    layer(X)
    model.add_loss(ops.convert_to_tensor(2.0))
    assert list(map(float, model.losses)).count(2.0) == 2


def test_all_layers_are_found():
    inner = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    wrapper = keras.layers.TimeDistributed(keras.layers.Dense(4))
    model = keras.Sequential([inner, keras.layers.Reshape((3, 1)), wrapper])
    model.build((None, 2))
    found = keras_patches.all_layers(model)
    dense = [layer.units for layer in found if isinstance(layer, keras.layers.Dense)]
    assert sorted(dense) == [3, 4]
    # Keras still lists the first level only.
    assert not any(isinstance(layer, keras.layers.Dense) for layer in model.layers)


# Callbacks.


class From(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.first, self.epochs = epoch, []

    def on_train_begin(self, logs=None):
        keras_patches.set_initial_epoch(self.model, self.first)

    def on_epoch_begin(self, epoch, logs=None):
        self.epochs.append(epoch)

    def on_train_end(self, logs=None):
        keras_patches.set_initial_epoch(self.model, None)


def compiled(optimizer="sgd"):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile(optimizer, "mse")
    return model


def test_a_callback_sets_the_first_epoch():
    model, callback = compiled(), From(2)
    model.fit(X, X, epochs=4, verbose=0, callbacks=[callback])
    model.fit(X, X, epochs=1, verbose=0, callbacks=[seen := From(None)])
    assert (callback.epochs, seen.epochs) == ([2, 3], [0])
    assert not hasattr(model, "initial_epoch")  # a public way


# The arguments, and the listed attributes that do not change with them.
CALLBACKS = {
    "EarlyStopping": (
        dict(monitor="loss", patience=1, restore_best_weights=True),
        set(),
    ),
    "ModelCheckpoint": (dict(filepath="model.keras", save_freq=3), {"best"}),
    "ReduceLROnPlateau": (dict(monitor="loss", patience=2, cooldown=2), set()),
    "SwapEMAWeights": (dict(swap_on_epoch=True), set()),
}
# `fit` sets these before it uses them.
SET_BY_FIT = {"monitor_op", "min_delta", "_current_epoch"}


class Recorded(keras.callbacks.Callback):
    """Scripted losses for another callback, and its attributes after each event."""

    def __init__(self, other):
        super().__init__()
        self.other, self.seen = other, []
        self.losses = iter([3.0, 2.0, 2.0, 2.0, 2.0, 2.0])

    def record(self, *args, **kwargs):
        self.seen.append({k: repr(v) for k, v in vars(self.other).items()})

    on_epoch_begin = on_train_batch_end = on_train_end = record

    def on_epoch_end(self, epoch, logs=None):
        logs["loss"] = next(self.losses)
        self.record()


@pytest.mark.slow
@pytest.mark.parametrize("kind", keras_patches.CALLBACK_STATE, ids=lambda k: k.__name__)
def test_the_state_of_a_callback_is_complete(kind, tmp_path, monkeypatch):
    """What training changes is exactly what is listed."""
    monkeypatch.chdir(tmp_path)
    options, constant = CALLBACKS[kind.__name__]
    callback = kind(**options)
    record = Recorded(callback)
    optimizer = keras.optimizers.SGD(0.1, use_ema=kind.__name__ == "SwapEMAWeights")
    compiled(optimizer).fit(X, X, 2, epochs=6, verbose=0, callbacks=[record, callback])
    changed = {k for k in vars(callback) if len({s.get(k) for s in record.seen}) > 1}
    listed = set(keras_patches.CALLBACK_STATE[kind])
    assert listed <= set(vars(callback))
    assert changed - SET_BY_FIT == listed - constant
    assert not hasattr(callback, "get_state")  # a public way


# Clusters.

HEARTBEATS = """
from ae_zoo.distribution import keras_patches
from tensorflow.python.eager import context
keras_patches.enable_heartbeats(3, 7)
config = context.context().config.experimental.coordination_config
print(config.heartbeat_timeout_in_ms, config.service_leader)
print([(job.name, job.num_tasks) for job in config.coordinated_job_list])
"""


@pytest.mark.slow
def test_heartbeats_have_a_timeout():
    run = subprocess.run(
        [sys.executable, "-c", HEARTBEATS], capture_output=True, text=True, check=True
    )
    assert run.stdout.split("\n")[:2] == [
        "7000 /job:worker/replica:0/task:0",
        "[('worker', 3)]",
    ]


def test_tensorflow_still_fixes_the_timeout_of_heartbeats():
    """Neither the strategy nor its options take one."""
    for kind in (
        tf.distribute.MultiWorkerMirroredStrategy,
        tf.distribute.experimental.CommunicationOptions,
    ):
        text = str(inspect.signature(kind.__init__))
        assert "heartbeat" not in text and "coordination" not in text


# Files for LiteRT.


def dense_file(per_channel):
    kernel = np.linspace(-1.0, 1.0, 64 * 8, dtype="float32").reshape(64, 8) ** 3

    @tf.function(input_signature=[tf.TensorSpec((1, 64))])
    def function(x):
        return x @ kernel

    converter = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], tf.Module()
    )
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.representative_dataset = lambda: ([np.ones((1, 64), "float32")],)
    keras_patches.set_per_channel_dense(converter, per_channel)
    return converter.convert()


def scales_of_the_kernel(content):
    (graph,) = keras_patches.unpack_tflite(content).subgraphs
    (kernel,) = (t for t in graph.tensors if sorted(t.shape) == [8, 64])
    return len(kernel.quantization.scale)


@pytest.mark.filterwarnings("ignore:.*tf.lite.Interpreter is deprecated")
@pytest.mark.parametrize(("per_channel", "scales"), [(True, 8), (False, 1)])
def test_scales_of_a_dense_kernel(per_channel, scales):
    assert scales_of_the_kernel(dense_file(per_channel)) == scales


def test_the_package_still_has_no_public_reader_of_files():
    assert not hasattr(tf.lite, "tools")


@pytest.mark.slow
def test_names_are_counted_as_without_the_block():
    keras.backend.clear_session()
    keras.layers.Dense(1)
    with keras_patches.names_kept():
        assert keras.layers.Dense(1).name == "dense_1"
        assert keras.layers.ReLU().name == "re_lu"
    assert keras.layers.Dense(1).name == "dense_1"
    assert keras.layers.ReLU().name == "re_lu"


# Names in files.


def test_keras_still_writes_the_names_on_the_allow_list():
    from ae_zoo.zoo import allowlist

    x = keras.Input((2,))
    config = keras.saving.serialize_keras_object(keras.Model(x, -(x + x) * x))
    names = {
        f"{item['module']}.{item['class_name']}"
        for item in [config, *config["config"]["layers"]]
    }
    names.discard("keras.layers.InputLayer")
    assert allowlist.FUNCTIONAL in names
    assert names - {allowlist.FUNCTIONAL} <= allowlist.OPERATIONS


# Metering.


class Counting:
    """A meter that counts, and fills variables with ones."""

    def __init__(self):
        self.objects = self.calls = 0
        self.variables, self.outputs = [], []

    def made(self):
        self.objects += 1

    def called(self, layer, inputs):
        self.calls += 1

    def returned(self, outputs):
        self.outputs.append(outputs.shape)

    def started(self, variable, initializer):
        self.variables.append((variable.path, tuple(variable.shape)))
        return keras.initializers.Ones()


def test_what_keras_makes_is_metered():
    meter, before = Counting(), keras.layers.Layer.__call__
    with keras_patches.metered(meter):
        inputs = keras.Input((3,))
        dense = keras.layers.Dense(2, name="metered")
        outputs = keras.layers.Add()([dense(inputs), dense(inputs)])
    assert outputs.shape == (None, 2)
    assert (meter.objects, meter.calls) == (3, 3)  # InputLayer, Dense, Add
    assert meter.variables == [("metered/kernel", (3, 2)), ("metered/bias", (2,))]
    assert meter.outputs == [(None, 2)] * 3
    np.testing.assert_array_equal(dense.kernel, np.ones((3, 2)))
    assert keras.layers.Layer.__call__ is before


def test_a_meter_ends_the_building():
    class Full(Counting):
        def started(self, variable, initializer):
            raise MemoryError(variable.path)

    with keras_patches.metered(Full()), pytest.raises(MemoryError, match="kernel"):
        keras.layers.Dense(10**9).build((None, 10**9))


def test_other_threads_are_not_metered():
    meter = Counting()
    with keras_patches.metered(meter):
        thread = threading.Thread(target=lambda: keras.layers.Dense(2).build((1, 3)))
        thread.start()
        thread.join()
    assert meter.variables == [] and meter.objects == 0


def test_keras_still_builds_a_sequential_after_each_layer():
    layers = [keras.Input((4,)), *(keras.layers.Identity() for _ in range(20))]
    config, meter = keras.Sequential(layers).get_config(), Counting()
    with keras_patches.metered(meter):
        keras.Sequential.from_config(config)
    assert meter.calls > 20 * 20 / 2


# Training.


def test_fit_tells_evaluate_that_it_validates(images):
    calls = []

    class Model(keras.Sequential):
        def evaluate(self, *args, **kwargs):
            calls.append(kwargs)
            return super().evaluate(*args, **kwargs)

    model = Model([keras.Input((8, 8, 1)), keras.layers.Dense(1)])
    model.compile(loss="mse")
    model.fit(images, images, validation_data=(images, images), verbose=0)
    assert calls[0][keras_patches.FROM_FIT] is True


def test_layers_attach_masks_to_their_outputs():
    x = tf.constant([[[0.0], [1.0]]])
    mask = keras_patches.mask_of(keras.layers.Masking()(x))
    np.testing.assert_array_equal(mask, [[False, True]])
    assert keras_patches.mask_of(x) is None


def test_calls_change_no_attribute_of_a_layer_but_bookkeeping():
    inputs = keras.Input((4, 3))
    layer = keras.layers.Bidirectional(keras.layers.LSTM(2, dropout=0.1))
    model = keras.Model(inputs, layer(inputs))
    layers = keras_patches.all_layers(model)
    x = tf.zeros((1, 4, 3))
    unused = [vars(layer).copy() for layer in layers]
    model(x, training=True)
    before = [keras_patches.attributes_of_layer(layer) for layer in layers]
    model(x, training=True)
    after = [keras_patches.attributes_of_layer(layer) for layer in layers]
    for mine, theirs in zip(before, after, strict=True):
        assert all(a is b for a, b in zip(mine, theirs, strict=True))
    assert unused[-1]["_called"] != vars(layers[-1])["_called"]  # or no list is needed


@pytest.mark.slow
def test_calls_change_no_attribute_of_a_model_but_its_state():
    layers = [keras.Input((3,)), keras.layers.Dense(2, name="dense")]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.Adam()
    model.compile(optimizer, loss="mse")
    x, y = np.zeros((2, 3)), np.zeros((2, 2))
    before = keras_patches.attributes_of_model(model)
    settings = keras_patches.attributes_of_optimizer(optimizer)
    model.fit(x, y, verbose=0)
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    after = keras_patches.attributes_of_model(model)
    assert all(a is b for a, b in zip(before, after, strict=True))
    # The learning rate is a variable, whose value may change.
    assert keras_patches.attributes_of_optimizer(optimizer) == settings
    optimizer.clipnorm = 1.0
    assert keras_patches.attributes_of_optimizer(optimizer) != settings


def test_weights_that_an_optimizer_was_not_built_for():
    layers = [keras.Input((3,)), keras.layers.Dense(2, name="dense")]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(), loss="mse")
    assert not keras_patches.weights_without_optimizer(model)  # it is not built yet
    model.fit(np.zeros((2, 3)), np.zeros((2, 2)), verbose=0)
    assert not keras_patches.weights_without_optimizer(model)
    model.layers[0].enable_lora(1)
    paths = keras_patches.weights_without_optimizer(model)
    assert [path.split("/")[-1] for path in paths] == ["lora_kernel_a", "lora_kernel_b"]


def test_selected_outputs_keep_their_logits():
    outputs = keras.activations.sigmoid(keras.ops.array([[40.0, 0.0]]))
    selected = keras_patches.with_logits(outputs, lambda values: values[:, :1])
    loss = keras.ops.binary_crossentropy(np.zeros((1, 1), "float32"), selected)
    assert float(loss[0, 0]) == 40  # from the saturated output: -log(1e-7) = 16
