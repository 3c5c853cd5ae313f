"""The safe reading of a model folder: honest models load, crafted ones are refused."""

import copy
import io
import json
import os
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from keras import layers

from ae_zoo.zoo import allowlist, checksums, safe_load

WEIGHTS = "model.weights.h5"


@keras.saving.register_keras_serializable(package="ae_zoo")
class StandIn(keras.Model):
    """A zoo model as archive.py sees one: registered by a module of ae_zoo."""

    __module__ = "ae_zoo.stand_in"

    def __init__(self, encoder, decoder, scale=1.0, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.decoder, self.scale = encoder, decoder, scale

    def call(self, inputs):
        return self.decoder(self.encoder(inputs)) * self.scale

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
            "scale": self.scale,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        revive = keras.saving.deserialize_keras_object
        for part in ("encoder", "decoder"):
            config[part] = revive(config[part])
        return cls(**config)


class Doubling(layers.Layer):
    """A user's own layer, registered nowhere."""

    def call(self, inputs):
        return inputs * 2


@keras.saving.register_keras_serializable(package="stranger")
class Registered(layers.Layer):
    """A class that some other library registered with Keras."""


# ---------------------------------------------------------------- honest models


def convolutional():
    inputs = keras.Input((8, 8, 1))
    x = layers.Rescaling(np.array([0.5]))(inputs)
    x = layers.Conv2D(4, 3, 2, "same", activation="relu", kernel_regularizer="l2")(x)
    x = layers.BatchNormalization()(x)
    x = layers.SpatialDropout2D(0.1)(x)
    x = layers.Conv2DTranspose(4, 3, 2, "same", activation=layers.LeakyReLU(0.1))(x)
    x = layers.SeparableConv2D(1, 3, padding="same", depthwise_constraint="max_norm")(x)
    return keras.Model(inputs, layers.Activation("sigmoid")(x))


def recurrent():
    inputs = keras.Input((5, 3))
    z = layers.Bidirectional(layers.LSTM(4))(layers.Masking()(inputs))
    x = layers.GRU(4, return_sequences=True)(layers.RepeatVector(5)(z))
    return keras.Model(inputs, layers.TimeDistributed(layers.Dense(3))(x))


def arithmetic():
    inputs = [keras.Input((4,), name="a"), keras.Input((4,), name="b")]
    shared = layers.Dense(4, bias_initializer=keras.initializers.Constant(0.5))
    x = (shared(inputs[0]) - 2.0 * shared(inputs[1])) / 3.0
    merged = layers.Concatenate()([-x, abs(x) ** 2, layers.Add()(inputs)])
    encoder = keras.Sequential([keras.Input((12,)), layers.Dense(3, "gelu")])
    inner = keras.Input((3,))
    decoder = keras.Model(inner, {"x": layers.Dense(4)(inner), "z": inner})
    z = encoder(merged)
    twice = decoder(layers.Dense(3)(decoder(z)["x"]))
    return keras.Model(inputs, [twice["x"], twice["z"], z])


def subclass():
    inputs, codes = keras.Input((6,)), keras.Input((2,))
    encoder = keras.Model(inputs, layers.Dense(2, activation="tanh")(inputs))
    decoder = keras.Model(codes, layers.Dense(6)(codes))
    model = StandIn(encoder, decoder, scale=0.5)
    model(np.zeros((1, 6), "float32"))
    return model


def mixed():
    policy = keras.DTypePolicy("mixed_bfloat16")
    half = layers.Dense(4, dtype="bfloat16")
    return keras.Sequential([keras.Input((4,)), layers.Dense(4, dtype=policy), half])


MODELS = [convolutional, recurrent, arithmetic, subclass, mixed]


def some_inputs(model):
    rng = np.random.default_rng(0)
    shape = getattr(model, "input_shape", None) or (None, 6)
    shapes = shape if isinstance(shape, list) else [shape]
    arrays = [rng.random((2, *s[1:]), dtype="float32") for s in shapes]
    return arrays if isinstance(shape, list) else arrays[0]


@pytest.mark.slow
@pytest.mark.parametrize("build", MODELS, ids=lambda build: build.__name__)
def test_honest_models_load_and_predict_the_same(tmp_path, build):
    model = build()
    schedule = keras.optimizers.schedules.CosineDecay(1e-3, 100)
    if build is convolutional:
        model.compile(
            keras.optimizers.Adam(schedule),
            loss=keras.losses.mean_squared_error,
            metrics=["mae", keras.metrics.RootMeanSquaredError()],
        )
        model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = safe_load.load_model(tmp_path)
    x = some_inputs(model)
    expected, received = model(x), loaded(x)
    keras.tree.map_structure(np.testing.assert_array_equal, expected, received)
    assert loaded.compiled == model.compiled
    if build is convolutional:
        config = loaded.optimizer.get_config()["learning_rate"]
        assert config["class_name"] == "CosineDecay"
        loaded.fit(x, x, verbose=0)


def test_custom_objects_are_trusted(tmp_path):
    model = keras.Sequential([keras.Input((2,)), Doubling()])
    model.save(tmp_path / "model.keras")
    with pytest.raises(safe_load.UnsafeModelError, match="Doubling.*custom_objects"):
        safe_load.load_model(tmp_path)
    loaded = safe_load.load_model(tmp_path, custom_objects={"Doubling": Doubling})
    np.testing.assert_array_equal(loaded(np.ones((1, 2))), [[2, 2]])


def test_every_allowed_name_exists_in_keras():
    for name in allowlist.LAYERS | allowlist.PARTS:
        module, _, class_name = name.rpartition(".")
        found = keras
        for part in module.split(".")[1:]:
            found = getattr(found, part)
        assert isinstance(getattr(found, class_name), type), name
    for name in allowlist.FUNCTIONS:
        homes = (keras.activations, keras.losses, keras.metrics)
        assert any(hasattr(home, name) for home in homes), name


# ------------------------------------------------------------- crafted configs


@pytest.fixture(scope="module")
def members(tmp_path_factory):
    """The members of a small honest model: Dense, Dense, compiled."""
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(2, kernel_regularizer="l2", name="hidden")(inputs)
    model = keras.Model(inputs, layers.Dense(4, name="out")(hidden))
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    path = tmp_path_factory.mktemp("honest") / "model.keras"
    model.save(path)
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


@pytest.fixture
def config(members):
    return json.loads(members["config.json"])


@pytest.fixture
def canary(tmp_path, monkeypatch):
    """A module that leaves a file behind when it is imported or called."""
    trace = tmp_path / "sung"
    code = f"def sing(*args, **kwargs):\n    open({str(trace)!r}, 'w').close()\n"
    (tmp_path / "canary_module.py").write_text(f"{code}class Bird: pass\nsing()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield trace
    assert not trace.exists()
    assert "canary_module" not in sys.modules


def write(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


def refuse(tmp_path, members, config, match):
    data = config if isinstance(config, bytes) else json.dumps(config).encode()
    path = write(tmp_path / "model.keras", {**members, "config.json": data})
    with pytest.raises(safe_load.UnsafeModelError, match=match):
        safe_load.load_model(path)


def thing(module, class_name, config=None, **more):
    config = {} if config is None else config
    return {"module": module, "class_name": class_name, "config": config, **more}


def lambda_layer():
    function = keras.saving.serialize_keras_object
    with pytest.warns(UserWarning, match="lambda"):
        code = function(lambda x: open("canary", "w"))
    return thing("keras.layers", "Lambda", {"function": code, "name": "evil"})


FOREIGN = {
    "foreign class": (thing("canary_module", "Bird"), "canary_module.Bird"),
    "os.system": (thing("os", "system"), "os.system"),
    "foreign function": (
        thing("canary_module", "function", "sing", registered_name="sing"),
        "canary_module.sing",
    ),
    "download": (
        thing("keras.utils", "function", "get_file", registered_name="get_file"),
        "keras.utils.get_file",
    ),
    "builtin, not listed": (
        thing("builtins", "function", "get", registered_name="function"),
        "builtins.get",
    ),
    "private path": (thing("keras.src.layers.core.lambda_layer", "Lambda"), "Lambda"),
    "lambda marker": (thing("builtins", "__lambda__", {"value": "x"}), "__lambda__"),
    "type spec": (
        thing("canary_module", "__typespec__", [], spec_name="Bird"),
        "__typespec__",
    ),
    "loose tensor": (thing(None, "__keras_tensor__"), "__keras_tensor__"),
    "object array": (
        thing(None, "__numpy__", {"value": [1], "dtype": "S1000000000"}),
        "__numpy__",
    ),
    "SavedModel": (thing("keras.layers", "TFSMLayer"), "TFSMLayer"),
    "vocabulary": (thing("keras.layers", "StringLookup"), "StringLookup"),
    "JaxLayer": (thing("keras.layers", "JaxLayer"), "JaxLayer"),
    "torch": (thing("keras.layers", "TorchModuleWrapper"), "TorchModuleWrapper"),
    "stranger's": (
        thing("x", "Registered", registered_name="stranger>Registered"),
        "stranger>Registered",
    ),
    "behind a Keras name": (
        thing("keras.layers", "Dense", registered_name="stranger>Registered"),
        "stranger>Registered",
    ),
    "behind a zoo name": (
        thing("keras.layers", "Lambda", registered_name="ae_zoo>StandIn"),
        "keras.layers.Lambda",
    ),
    "zoo name of nobody": (
        thing("ae_zoo.evil", "Evil", registered_name="ae_zoo>Evil"),
        "ae_zoo.evil.Evil",
    ),
    "older form": ({"class_name": "Dense", "config": {}}, "module"),
    "class that is no string": (thing("os", ["system"]), "system"),
    "registered string": ("stranger>Registered", "stranger>Registered"),
}
PLACES = {
    "build_config": lambda c: c["config"]["layers"][1]["build_config"],
    "compile_config": lambda c: c["compile_config"],
    "metrics": lambda c: c["compile_config"]["metrics"],
    "regularizer": lambda c: c["config"]["layers"][1]["config"]["kernel_regularizer"],
    "initializer": lambda c: c["config"]["layers"][1]["config"]["kernel_initializer"],
    "activation": lambda c: c["config"]["layers"][1]["config"],
    "model": lambda c: c["config"],
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_names_are_refused(tmp_path, canary, members, config, name):
    evil, match = FOREIGN[name]
    config["config"]["layers"][2]["config"]["activation"] = copy.deepcopy(evil)
    refuse(tmp_path, members, config, match)


@pytest.mark.parametrize("place", PLACES)
def test_no_place_hides_a_foreign_class(tmp_path, canary, members, config, place):
    target, evil = PLACES[place](config), thing("canary_module", "Bird")
    target.append(evil) if isinstance(target, list) else target.update(activation=evil)
    refuse(tmp_path, members, config, "Bird")


def test_lambda_layer_is_refused_by_name(tmp_path, canary, members, config):
    evil = lambda_layer() | {"name": "hidden", "registered_name": None}
    evil["inbound_nodes"] = config["config"]["layers"][1]["inbound_nodes"]
    config["config"]["layers"][1] = evil
    refuse(tmp_path, members, config, "class 'keras.layers.Lambda'.*may not hold")


def test_global_unsafe_switch_opens_no_door(tmp_path, canary, members, config):
    evil = lambda_layer()["config"]["function"] | {"module": "builtins"}
    config["config"]["layers"][1]["config"]["activation"] = evil
    keras.config.enable_unsafe_deserialization()
    try:
        refuse(tmp_path, members, config, "__lambda__")
    finally:
        keras.src.backend.common.global_state.set_global_attribute(
            "safe_mode_saving", None
        )


def test_wrappers_and_metrics_are_read_inside(tmp_path, canary, members, config):
    evil = thing("canary_module", "Bird")
    inner = config["config"]["layers"][1]
    for outer in (
        thing("keras.layers", "TimeDistributed", {"layer": evil}),
        thing("keras.metrics", "MeanMetricWrapper", {"fn": evil}),
        thing("keras.optimizers", "LossScaleOptimizer", {"inner_optimizer": evil}),
    ):
        inner["config"]["activation"] = outer
        refuse(tmp_path, members, config, "Bird")


def test_dotted_activation_is_not_imported(tmp_path, canary, members, config):
    config["config"]["layers"][1]["config"]["activation"] = "canary_module.sing"
    data = json.dumps(config).encode()
    path = write(tmp_path / "model.keras", {**members, "config.json": data})
    with pytest.raises((ValueError, TypeError), match="activation"):
        safe_load.load_model(path)


# --------------------------------------------------------------- crafted graphs


def unconnected_layer(config):
    extra = copy.deepcopy(config["layers"][1])
    config["layers"].append(extra | {"name": "extra"})


def unconnected_call(config):
    nodes = config["layers"][1]["inbound_nodes"]
    nodes.append(copy.deepcopy(nodes[0]))


def call_without_tensor(config):
    config["layers"][1]["inbound_nodes"].append({"args": [[1.0]], "kwargs": {}})


def layer_without_call(config):
    config["layers"].append(config["layers"][1] | {"name": "b", "inbound_nodes": []})


def nested_object(config):
    node = config["layers"][1]["inbound_nodes"][0]
    node["kwargs"]["mask"] = thing("canary_module", "Bird")


def nested_function(config):
    node = config["layers"][1]["inbound_nodes"][0]
    node["args"].append([thing("canary_module", "function", "sing")])


def registered_argument(config):
    config["layers"][1]["inbound_nodes"][0]["kwargs"]["x"] = "stranger>Registered"


def missing_layer(config):
    node = config["layers"][2]["inbound_nodes"][0]
    node["args"][0]["config"]["keras_history"][0] = "nowhere"


def missing_call(config):
    node = config["layers"][2]["inbound_nodes"][0]
    node["args"][0]["config"]["keras_history"][1] = 7


def tensor_from_nowhere(config):
    node = config["layers"][2]["inbound_nodes"][0]
    node["args"][0]["config"]["keras_history"] = None


def legacy_node(config):
    config["layers"][1]["inbound_nodes"] = [[["x", 0, 0, {"mask": None}]]]


def undeclared_input(config):
    config["layers"].append(config["layers"][0] | {"name": "another"})


def two_of_one_name(config):
    config["layers"].append(config["layers"][1])


def raw_operation(config):
    evil = thing("keras.src.ops.numpy", "Arange", registered_name="Arange")
    config["layers"][1] = config["layers"][1] | evil


def output_of_an_input_call(config):
    config["output_layers"] = ["out", 3, 0]


GRAPHS = {
    unconnected_layer: "'extra' is an unconnected node",
    unconnected_call: "call 1 of 'hidden' is an unconnected node",
    call_without_tensor: "the call takes no tensor",
    layer_without_call: "'b' is an unconnected node",
    nested_object: "Bird",
    nested_function: "sing",
    registered_argument: "stranger>Registered",
    missing_layer: "nowhere",
    missing_call: "call 7 of 'hidden'",
    tensor_from_nowhere: "keras_tensor",
    legacy_node: "expected 'args' and 'kwargs'",
    undeclared_input: "declared inputs",
    two_of_one_name: "two layers are named 'hidden'",
    raw_operation: "keras.src.ops.numpy.Arange",
    output_of_an_input_call: "call 3 of 'out'",
}


@pytest.mark.parametrize("craft", GRAPHS, ids=lambda craft: craft.__name__)
def test_crafted_graphs_are_refused(tmp_path, canary, members, config, craft):
    craft(config["config"])
    refuse(tmp_path, members, config, GRAPHS[craft])


def test_graph_inside_a_zoo_model_is_checked(tmp_path, canary):
    subclass().save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    unconnected_layer(config["config"]["encoder"]["config"])
    refuse(tmp_path, parts, config, "'extra' is an unconnected node")


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_deep_json_is_refused(tmp_path, members, config, depth):
    deep = b"[" * depth + b"]" * depth
    data = json.dumps(config).encode()
    data = data.replace(b'"loss": "mse"', b'"loss": ' + deep)
    assert deep in data
    refuse(tmp_path, members, data, "nests")


def tensor(name, call):
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, call, 0]}
    return thing(None, "__keras_tensor__", config)


def chained(layer, times, shift=1):
    """A Functional model that calls a layer on its own outputs."""
    sources = [tensor("x", 0), *(tensor("again", i) for i in range(times - 1))]
    nodes = [{"args": [source], "kwargs": {}} for source in sources]
    x = thing("keras.layers", "InputLayer", {"batch_shape": [None, 4], "name": "x"})
    again = layer | {"name": "again", "inbound_nodes": nodes}
    graph = {
        "name": "again",
        "layers": [x | {"name": "x", "inbound_nodes": []}, again],
        "input_layers": ["x", 0, 0],
        "output_layers": ["again", times - 1 + shift, 0],
    }
    return thing(allowlist.FUNCTIONAL[:-11], "Functional", graph)


def test_calls_that_multiply_are_refused(tmp_path, members):
    layer = thing("keras.layers", "Identity", {"name": "again"})
    config = chained(layer, 20, shift=0)
    for _ in range(3):
        config = chained(config, 20)
    refuse(tmp_path, members, config, "more than 10,000 calls")


def test_archive_is_read_without_tensorflow():
    code = "import sys, ae_zoo.zoo.safe_load; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b'"a string"', b"[]", b"{}"])
def test_config_that_is_no_model(tmp_path, members, data):
    refuse(tmp_path, members, data, "JSON|holds no model")


# ------------------------------------------------------------- crafted archives


@pytest.mark.parametrize(
    "name", ["../evil", "/evil", "assets/vocabulary.txt", "model.weights.npz", "a\\b"]
)
def test_extra_members_are_refused(tmp_path, members, name):
    path = write(tmp_path / "model.keras", {**members, name: b"x"})
    with pytest.raises(safe_load.UnsafeModelError, match="expected only"):
        safe_load.load_model(path)


def test_missing_weights(tmp_path, members):
    del (parts := dict(members))[WEIGHTS]
    with pytest.raises(safe_load.UnsafeModelError, match="lacks 'model.weights.h5'"):
        safe_load.load_model(write(tmp_path / "model.keras", parts))


def test_duplicate_member(tmp_path, members):
    path = write(tmp_path / "model.keras", members)
    with zipfile.ZipFile(path, "a") as file, pytest.warns(UserWarning, match="Dupl"):
        file.writestr("config.json", b"{}")
    with pytest.raises(safe_load.UnsafeModelError, match="more than once"):
        safe_load.load_model(path)


def test_symlink_member(tmp_path, members):
    info = zipfile.ZipInfo(WEIGHTS)
    info.external_attr = 0o120777 << 16
    path = tmp_path / "model.keras"
    parts = {name: data for name, data in members.items() if name != WEIGHTS}
    with zipfile.ZipFile(write(path, parts), "a") as file:
        file.writestr(info, "/etc/passwd")
    with pytest.raises(safe_load.UnsafeModelError, match="not a regular file"):
        safe_load.load_model(path)


@pytest.mark.parametrize(
    ("name", "size"), [("config.json", 3 * 2**20), (WEIGHTS, 8 * 2**20)]
)
def test_zip_bomb(tmp_path, members, name, size):
    parts = {key: data for key, data in members.items() if key != name}
    path = write(tmp_path / "model.keras", parts)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, bytes(size))
    with pytest.raises(safe_load.UnsafeModelError, match="declares .* at most"):
        safe_load.load_model(path)


def test_header_that_lies(tmp_path, members, config):
    data = json.dumps(config).encode()
    path = write(tmp_path / "model.keras", {**members, "config.json": data + b" " * 99})
    raw = path.read_bytes()
    true = (len(data) + 99).to_bytes(4, "little")
    assert raw.count(true) >= 4
    path.write_bytes(raw.replace(true, len(data).to_bytes(4, "little")))
    with pytest.raises(safe_load.UnsafeModelError, match="truncated"):
        safe_load.load_model(path)


def test_encrypted_flag_and_foreign_compression(tmp_path, members):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as file:
        for name, data in members.items():
            file.writestr(name, data)
    with pytest.raises(safe_load.UnsafeModelError, match="compression"):
        safe_load.load_model(path)
    raw = bytearray(write(path, members).read_bytes())
    central = raw.find(b"PK\x01\x02")
    raw[central + 8] |= 1
    path.write_bytes(raw)
    with pytest.raises(safe_load.UnsafeModelError, match="encrypted"):
        safe_load.load_model(path)


def test_too_many_entries(tmp_path, members):
    path = write(tmp_path / "model.keras", {**members, "x": b"PK\x01\x02" * 2000})
    with pytest.raises(safe_load.UnsafeModelError, match="more than 1000 members"):
        safe_load.load_model(path)


def test_truncated_or_foreign_files(tmp_path, members):
    path = write(tmp_path / "model.keras", members)
    data = path.read_bytes()
    for broken in (b"", b"not a zip", data[: len(data) // 2], data[10:-40]):
        path.write_bytes(broken)
        with pytest.raises(
            safe_load.UnsafeModelError, match="truncated or not a .keras"
        ):
            safe_load.load_model(path)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        safe_load.load_model(tmp_path / "nowhere")


def test_load_compares_the_digest(tmp_path, members):
    path = write(tmp_path / "model.keras", members)
    checksums.write_checksums(tmp_path)
    digest = checksums.verify_checksums(tmp_path)["model.keras"]
    assert safe_load.load_model(tmp_path, sha256=digest).compiled
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ValueError, match=f"expected SHA-256 {digest}, received"):
        safe_load.load_model(tmp_path, sha256=digest)


# -------------------------------------------------------------- crafted weights


def external_link(file, tmp_path):
    file["_layer"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/secret")


def soft_link(file, tmp_path):
    file["_layer"] = h5py.SoftLink("/layers")


def external_storage(file, tmp_path):
    place = [(str(tmp_path / "secret"), 0, 64)]
    file.create_dataset("vars/0", (16,), "float32", external=place)


def virtual_dataset(file, tmp_path):
    layout = h5py.VirtualLayout((4,), "float32")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", shape=(4,))
    file.create_virtual_dataset("vars/0", layout)


def compressed_bomb(file, tmp_path):
    file.create_dataset("vars/0", data=np.zeros((2**20,)), compression="gzip")


def declared_bomb(file, tmp_path):
    file.create_dataset("vars/0", (2**40,), "float32", chunks=(2**10,))


def unwritten_bomb(file, tmp_path):
    file.create_dataset("vars/0", (2**40,), "float32")


def text(file, tmp_path):
    file.create_dataset("vars/0", data=["a text"])


def loop(file, tmp_path):
    file["layers/again"] = file["/"]


def named_type(file, tmp_path):
    file["vars/0"] = np.dtype("float32")


def repeated(file, tmp_path):
    data = file.create_dataset("vars/0", data=np.zeros(2**16))
    for number in range(1, 9):
        file[f"vars/{number}"] = data


STORES = {
    external_link: "soft or external link",
    soft_link: "soft or external link",
    external_storage: "another file",
    virtual_dataset: "another file",
    compressed_bomb: "uncompressed",
    declared_bomb: "uncompressed",
    unwritten_bomb: "uncompressed",
    text: "expected numbers",
    loop: "linked twice",
    named_type: "not an array",
    repeated: "declares arrays of",
}


@pytest.mark.parametrize("craft", STORES, ids=lambda craft: craft.__name__)
def test_crafted_weights_are_refused(tmp_path, members, craft):
    buffer = io.BytesIO(members[WEIGHTS])
    with h5py.File(buffer, "a") as file:
        craft(file, tmp_path)
    path = write(tmp_path / "model.keras", {**members, WEIGHTS: buffer.getvalue()})
    with pytest.raises(safe_load.UnsafeModelError, match=STORES[craft]):
        safe_load.load_model(path)


def test_weights_that_are_no_hdf5(tmp_path, members):
    for data in (b"", b"nothing", members[WEIGHTS][: len(members[WEIGHTS]) // 2]):
        path = write(tmp_path / "model.keras", {**members, WEIGHTS: data})
        with pytest.raises(safe_load.UnsafeModelError, match="model.weights.h5"):
            safe_load.load_model(path)


# -------------------------------------------------------------------- checksums


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "saved_model").mkdir()
    for name in ("model.keras", "card.json", "saved_model/saved_model.pb"):
        (tmp_path / name).write_text(name)
    checksums.write_checksums(tmp_path)
    return tmp_path


def test_checksums_round_trip(folder):
    text = (folder / "SHA256SUMS").read_text()
    names = [line.split("  ")[1] for line in text.splitlines()]
    assert names == ["card.json", "model.keras", "saved_model/saved_model.pb"]
    assert list(checksums.verify_checksums(folder)) == names
    checksums.write_checksums(folder)
    assert (folder / "SHA256SUMS").read_text() == text
    assert not (folder / "SHA256SUMS.partial").exists()


def test_tampered_file(folder):
    (folder / "saved_model/saved_model.pb").write_text("other")
    with pytest.raises(ValueError, match="saved_model.pb.*expected.*received.*Fetch"):
        checksums.verify_checksums(folder)


def test_missing_files(folder):
    (folder / "card.json").unlink()
    with pytest.raises(FileNotFoundError, match="card.json"):
        checksums.verify_checksums(folder)
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(FileNotFoundError, match="SHA256SUMS"):
        checksums.verify_checksums(folder)


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{}  ../outside", "without '..'"),
        ("{}  saved_model/../../outside", "without '..'"),
        ("{}  a\\..\\outside", "without '..'"),
        ("{}  /etc/passwd", "without '..'"),
        ("{}  C:outside", "without '..'"),
        ("{}  card.json", "two digests"),
        ("card.json", "expected lines"),
    ],
)
def test_crafted_list(folder, line, match):
    with open(folder / "SHA256SUMS", "a") as file:
        file.write(line.format("0" * 64) + "\n")
    with pytest.raises(ValueError, match=match):
        checksums.verify_checksums(folder)


def test_unlisted_model(folder):
    lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
    (folder / "SHA256SUMS").write_text(lines[0])
    with pytest.raises(ValueError, match="does not list model.keras"):
        checksums.verify_checksums(folder)


def test_link_that_leads_out(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("card.json")
    (folder / "card.json").unlink()
    os.symlink(outside, folder / "card.json")
    for function in (checksums.verify_checksums, checksums.write_checksums):
        with pytest.raises(ValueError, match="leads out"):
            function(folder)


@pytest.fixture
def with_optional(folder):
    (folder / "model.tflite").write_text("model.tflite")
    checksums.write_checksums(folder, optional=["model.tflite", "absent.tflite"])
    return folder


def test_optional_files_have_a_list_of_their_own(with_optional):
    listed = (with_optional / "SHA256SUMS").read_text()
    assert "SHA256SUMS.optional" in listed and "model.tflite" not in listed
    optional = (with_optional / "SHA256SUMS.optional").read_text()
    assert optional.split("  ")[1:] == ["model.tflite\n"]
    assert "model.tflite" in checksums.verify_checksums(with_optional)
    (with_optional / "model.tflite").unlink()
    assert "model.tflite" not in checksums.verify_checksums(with_optional)


def test_a_tampered_optional_file(with_optional):
    (with_optional / "model.tflite").write_text("other")
    with pytest.raises(ValueError, match=r"model\.tflite.*expected.*received"):
        checksums.verify_checksums(with_optional)


def test_a_tampered_list_of_optional_files(with_optional):
    (with_optional / "SHA256SUMS.optional").write_text("")
    with pytest.raises(ValueError, match=r"SHA256SUMS\.optional.*expected"):
        checksums.verify_checksums(with_optional)
    (with_optional / "SHA256SUMS.optional").unlink()
    with pytest.raises(FileNotFoundError, match="lists 'SHA256SUMS.optional'"):
        checksums.verify_checksums(with_optional)


def test_an_optional_list_cannot_hold_a_required_file(with_optional):
    """A digest in the optional list does not replace the one in SHA256SUMS."""
    (with_optional / "card.json").write_text("other")
    digest = checksums.sha256(with_optional / "card.json")
    (with_optional / "SHA256SUMS.optional").write_text(f"{digest}  card.json\n")
    text = (with_optional / "SHA256SUMS").read_text()
    lines = [line for line in text.splitlines() if "optional" not in line]
    new = checksums.sha256(with_optional / "SHA256SUMS.optional")
    lines.append(f"{new}  SHA256SUMS.optional")
    (with_optional / "SHA256SUMS").write_text("\n".join(lines))
    with pytest.raises(ValueError, match=r"card\.json.*expected"):
        checksums.verify_checksums(with_optional)


def test_no_optional_files_leave_no_old_list(with_optional):
    checksums.write_checksums(with_optional)
    assert not (with_optional / "SHA256SUMS.optional").exists()
    assert "model.tflite" in (with_optional / "SHA256SUMS").read_text()
    checksums.verify_checksums(with_optional)
