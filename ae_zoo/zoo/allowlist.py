"""What the `config.json` of a zoo model may hold.

Keras builds a model by looking up and calling whatever its config names, and
`safe_mode=True` refuses little more than lambdas. A config that may come from a
stranger is therefore read here first. Every name in it must stand on a list: the
Keras classes below, the classes that ae_zoo itself registers, and the objects the
caller passes as `custom_objects`. The lists are written out instead of derived from
Keras's namespaces, so that a class added by a later Keras is refused until somebody
has looked at it.
"""

MAX_DEPTH = 64  # levels of nesting; an honest zoo model needs about 20
MAX_CALLS = 100_000  # of layers, while Keras revives the model
MAX_ARGUMENT_LENGTH = 64  # characters of a string handed to a layer call


def _names(module, names):
    return frozenset(f"{module}.{name}" for name in names.split())


# Absent on purpose: Lambda, TFSMLayer, JaxLayer, FlaxLayer and TorchModuleWrapper run
# code or read files of the archive's choosing, the vocabulary layers (StringLookup,
# TextVectorization, ...) read files, RNN and Pipeline wrap arbitrary objects.
LAYERS = _names(
    "keras.layers",
    """
    Activation ActivityRegularization Add AlphaDropout Average AveragePooling1D
    AveragePooling2D AveragePooling3D BatchNormalization Bidirectional Concatenate
    Conv1D Conv1DTranspose Conv2D Conv2DTranspose Conv3D Conv3DTranspose Cropping1D
    Cropping2D Cropping3D Dense DepthwiseConv1D DepthwiseConv2D Dot Dropout ELU
    Embedding Flatten GRU GaussianDropout GaussianNoise GlobalAveragePooling1D
    GlobalAveragePooling2D GlobalAveragePooling3D GlobalMaxPooling1D
    GlobalMaxPooling2D GlobalMaxPooling3D GroupNormalization Identity InputLayer LSTM
    LayerNormalization LeakyReLU Masking MaxPooling1D MaxPooling2D MaxPooling3D
    Maximum Minimum Multiply Normalization PReLU Permute ReLU RepeatVector Rescaling
    Reshape Resizing SeparableConv1D SeparableConv2D SimpleRNN Softmax
    SpatialDropout1D SpatialDropout2D SpatialDropout3D Subtract TimeDistributed
    UnitNormalization UpSampling1D UpSampling2D UpSampling3D ZeroPadding1D
    ZeroPadding2D ZeroPadding3D
    """,
)
FUNCTIONAL = "keras.src.models.functional.Functional"  # the name Keras writes
MODELS = frozenset({FUNCTIONAL, "keras.Sequential"})
# `x + y` on symbolic tensors is recorded as one of these, not as a layer; `Masking`
# computes its mask with Any and NotEqual.
OPERATIONS = _names(
    "keras.src.ops.numpy",
    """
    Absolute Add Any Divide Maximum Minimum Multiply Negative NotEqual Power Square
    Subtract TrueDivide
    """,
)
PARTS = (
    _names(
        "keras.initializers",
        """
        Constant GlorotNormal GlorotUniform HeNormal HeUniform Identity LecunNormal
        LecunUniform Ones Orthogonal RandomNormal RandomUniform TruncatedNormal
        VarianceScaling Zeros
        """,
    )
    | _names("keras.regularizers", "L1 L1L2 L2 OrthogonalRegularizer")
    | _names("keras.constraints", "MaxNorm MinMaxNorm NonNeg UnitNorm")
    | _names(
        "keras.losses",
        """
        BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy
        CategoricalFocalCrossentropy CosineSimilarity Dice Huber KLDivergence LogCosh
        MeanAbsoluteError MeanAbsolutePercentageError MeanSquaredError
        MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy
        """,
    )
    | _names(
        "keras.metrics",
        """
        Accuracy BinaryAccuracy BinaryCrossentropy CategoricalAccuracy
        CategoricalCrossentropy CosineSimilarity KLDivergence LogCoshError Mean
        MeanAbsoluteError MeanAbsolutePercentageError MeanMetricWrapper
        MeanSquaredError MeanSquaredLogarithmicError Poisson R2Score
        RootMeanSquaredError SparseCategoricalAccuracy SparseCategoricalCrossentropy
        Sum
        """,
    )
    | _names(
        "keras.optimizers",
        """
        Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer
        Muon Nadam RMSprop SGD
        """,
    )
    | _names(
        "keras.optimizers.schedules",
        """
        CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay
        PiecewiseConstantDecay PolynomialDecay
        """,
    )
    | _names("keras", "DTypePolicy")
)
FUNCTIONS = frozenset(
    """
    celu elu exponential gelu glu hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu
    linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu softmax softplus
    softsign swish tanh
    binary_crossentropy binary_focal_crossentropy categorical_crossentropy
    categorical_focal_crossentropy cosine_similarity dice huber kl_divergence log_cosh
    mean_absolute_error mean_absolute_percentage_error mean_squared_error
    mean_squared_logarithmic_error poisson sparse_categorical_crossentropy
    binary_accuracy categorical_accuracy sparse_categorical_accuracy
    """.split()
)
FUNCTION_MODULES = frozenset(
    {"builtins", "keras.activations", "keras.losses", "keras.metrics"}
)
# Of Keras's special markers only arrays of numbers are needed (Rescaling, Constant).
ARRAYS = frozenset({"__numpy__", "__tensor__"})
ARRAY_DTYPES = frozenset(
    """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 bfloat16 float16 float32
    float64
    """.split()
)


class UnsafeModelError(ValueError):
    """A model file asks for something that a zoo model may not hold."""


def check_config(config, custom_objects=None):
    """Refuses a model config that names anything outside the allow list.

    Args:
        config: the parsed `config.json`.
        custom_objects: names and objects of the caller's own that the config may
            name as well.

    Raises:
        UnsafeModelError: naming the object and where in the config it stands.
    """
    _check_depth(config)
    _check_calls(config)
    if not isinstance(config, dict) or "class_name" not in config:
        raise UnsafeModelError(
            "config.json holds no model: expected an object with 'class_name' and "
            f"'config', received {_short(config)}."
        )
    # Importing the models registers their classes with Keras; until then a config
    # that names one could not be told from a stranger's.
    import ae_zoo.models  # noqa: F401

    _Checker(custom_objects or {}).check_object(config, "", MODELS)


class _Checker:
    """Walks a config as Keras would, and refuses instead of building.

    `where` is the path of the value inside config.json, for the messages.
    """

    def __init__(self, custom_objects):
        # Keras brings TensorFlow with it, which reading the lists does not need.
        from keras import saving

        self.saving = saving
        self.custom_objects = custom_objects

    def check_value(self, value, where):
        """Checks any value that Keras may hand to its deserializer."""
        if isinstance(value, dict) and "class_name" in value:
            self.check_object(value, where, PARTS | LAYERS | MODELS)
        elif isinstance(value, (dict, list)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in pairs:
                self.check_value(item, f"{where}.{key}")
        elif isinstance(value, str):
            # Keras replaces a string that is the name of a registered object.
            self._registered(value, where)

    def check_object(self, node, where, allowed):
        """Checks one serialized object: its name first, then all it holds."""
        name = node["class_name"]
        if isinstance(name, str) and name in ARRAYS:
            _check_array(node, where)
            return
        _check_shape_of_object(node, where)
        if name == "function":
            self._check_function(node, where)
            return
        self._check_class(node, where, allowed)
        config = node["config"]
        if _is_functional(node):
            for index, layer in enumerate(check_graph(config, where, self)):
                inner = f"{where}.config.layers.{index}"
                self.check_object(layer, inner, OPERATIONS | LAYERS | MODELS)
            config = {key: item for key, item in config.items() if key != "layers"}
        _check_plain(node.get("build_config"), f"{where}.build_config")
        named = {"class_name", "registered_name", "config", "build_config"}
        rest = {key: item for key, item in node.items() if key not in named}
        self.check_value({"config": config, **rest}, where)

    def _check_class(self, node, where, allowed):
        name, registered_name = node["class_name"], _registered_name(node)
        full_name = f"{node['module']}.{name}"
        trusted = registered_name and self._registered(registered_name, where)
        if trusted:
            if getattr(trusted, "__name__", None) != name:
                _refuse(full_name, where, alias=registered_name)
        elif full_name not in allowed or registered_name not in (None, name):
            _refuse(full_name, where, alias=registered_name)

    def _check_function(self, node, where):
        name, module = node["config"], node["module"]
        trusted = self._registered(name, where) is not None
        alias = node.get("registered_name")
        builtin = name in FUNCTIONS and module in FUNCTION_MODULES
        if not trusted and not (builtin and alias in (None, "function", name)):
            _refuse(f"{module}.{name}", where, kind="function", alias=alias)

    def _registered(self, name, where):
        """Returns the object Keras would find under `name`, once it is trusted.

        Keras looks into the active scope, the global register and the caller's
        `custom_objects`, in an order that differs from place to place: all of them
        must be trusted.
        """
        found = [
            self.saving.get_registered_object(name),
            self.saving.get_custom_objects().get(name),
            self.custom_objects.get(name),
        ]
        found = [item for item in found if item is not None]
        for item in found:
            if not self._is_trusted(name, item):
                module = getattr(item, "__module__", "?")
                _refuse(f"{module}.{name}", where, kind="registered object")
        return found[0] if found else None

    def is_functional(self, node, where):
        """Whether a layer's trusted class descends from Keras's Functional."""
        name = _registered_name(node)
        cls = self._registered(name, where) if isinstance(name, str) else None
        return any(
            base.__name__ == "Functional" for base in getattr(cls, "__mro__", ())
        )

    def _is_trusted(self, name, item):
        if any(item is own for own in self.custom_objects.values()):
            return True
        module = getattr(item, "__module__", None) or ""
        return name.startswith("ae_zoo>") and module.split(".")[0] == "ae_zoo"


def check_graph(config, where, checker):
    """Checks the nodes of a Functional model and returns its layers without them.

    A node is one call of a layer. Keras makes every call it finds while it loads, also
    those that no output needs, so each must lie between the inputs and the outputs.

    Args:
        config: config of the Functional model.
        where: its path inside config.json.
        checker: the `_Checker` that knows the registered names.
    """
    inputs, sources, shifts, layers = set(), {}, {}, []
    for layer in _functional_layers(config, where):
        name, nodes = layer["name"], layer["inbound_nodes"]
        if name in shifts:
            _refuse_graph(where, f"two layers are named '{name}'")
        shifts[name] = int(_is_functional(layer) or checker.is_functional(layer, where))
        if layer["class_name"] == "InputLayer":
            inputs.add((name, 0))
        for index, node in enumerate(nodes):
            sources[name, index] = _node_sources(node, f"{where}.{name}", checker)
        layers.append({k: v for k, v in layer.items() if k != "inbound_nodes"})
    declared = {leaf[:2] for leaf in _leaves(config.get("input_layers"), where)}
    if declared != inputs:
        _refuse_graph(where, "the InputLayers are not the declared inputs")
    # Keras counts the calls of a nested Functional model from 1, but only here.
    outputs = [
        (name, index - shifts.get(name, 0))
        for name, index, _ in _leaves(config.get("output_layers"), where)
    ]
    _check_reached(outputs, inputs, sources, where)
    return layers


def _check_reached(outputs, inputs, sources, where):
    """Walks from the outputs back to the inputs and refuses what was not met."""
    waiting, reached = list(outputs), set()
    while waiting:
        node = waiting.pop()
        if node not in sources and node not in inputs:
            _refuse_graph(where, f"it refers to call {node[1]} of '{node[0]}'")
        if node not in reached:
            reached.add(node)
            waiting.extend(sources.get(node, ()))
    for name, index in sorted(set(sources) - reached):
        _refuse_graph(where, f"call {index} of '{name}' is an unconnected node")


def _functional_layers(config, where):
    layers = config.get("layers")
    if not isinstance(layers, list):
        _refuse_graph(where, "it has no list of layers")
    for layer in layers:
        if (
            not isinstance(layer, dict)
            or not isinstance(layer.get("class_name"), str)
            or not isinstance(layer.get("name"), str)
            or not isinstance(layer.get("inbound_nodes"), list)
        ):
            _refuse_graph(where, f"{_short(layer)} is no layer")
        if bool(layer["inbound_nodes"]) == (layer["class_name"] == "InputLayer"):
            _refuse_graph(where, f"layer '{layer['name']}' is an unconnected node")
    return layers


def _node_sources(node, where, checker):
    """Returns the (layer, node) pairs that the arguments of one call come from."""
    if (
        not isinstance(node, dict)
        or node.keys() != {"args", "kwargs"}
        or not isinstance(node["args"], list)
        or not isinstance(node["kwargs"], dict)
    ):
        _refuse_graph(where, f"expected 'args' and 'kwargs', received {_short(node)}")
    sources = []
    waiting = [*node["args"], *node["kwargs"].values()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, dict):
            sources.append(_tensor_source(value, where))
        elif isinstance(value, str):
            checker.check_value(value, where)
            if len(value) > MAX_ARGUMENT_LENGTH:
                _refuse_graph(where, f"an argument is too long: {_short(value)}")
    if not sources:
        _refuse_graph(where, "an unconnected node: the call takes no tensor")
    return sources


def _tensor_source(value, where):
    config = value.get("config")
    history = config.get("keras_history") if isinstance(config, dict) else None
    if value.get("class_name") != "__keras_tensor__" or not _is_leaf(history):
        _refuse_graph(
            where,
            "the arguments of a call may be numbers, short strings and tensors of "
            f"this model, received {_short(value)}",
        )
    _check_plain(config, where)
    return tuple(history[:2])


def _check_depth(config):
    level, depth = [config], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise UnsafeModelError(
                f"config.json nests deeper than {MAX_DEPTH} levels; no zoo model does."
            )
        level = [item for value in level for item in _items(value)]


def _check_calls(config):
    # A graph called ten times inside a graph called ten times inside ... is a small
    # file that would keep Keras busy for years.
    if _count_calls(config) > MAX_CALLS:
        raise UnsafeModelError(f"config.json asks for more than {MAX_CALLS:,} calls.")


def _count_calls(value):
    nodes = value.get("inbound_nodes") if isinstance(value, dict) else None
    inside = sum(_count_calls(item) for item in _items(value) if item is not nodes)
    return len(nodes) * (1 + inside) if isinstance(nodes, list) and nodes else inside


def _items(value):
    """The values inside a list or dict; none inside anything else."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is_leaf(value):
    return (
        isinstance(value, list)
        and [type(item) for item in value] == [str, int, int]
        and min(value[1:]) >= 0
    )


def _leaves(value, where):
    """Returns the [layer, node, tensor] triples of a nested structure."""
    if _is_leaf(value):
        return [tuple(value)]
    if not isinstance(value, (list, dict)):
        _refuse_graph(where, f"{_short(value)} is no [layer, node, tensor]")
    return [leaf for item in _items(value) for leaf in _leaves(item, where)]


def _is_functional(node):
    """Whether Keras would revive the node as a graph of layers."""
    config = node.get("config")
    return f"{node.get('module')}.{node['class_name']}" == FUNCTIONAL or (
        isinstance(config, dict)
        and bool(config.keys() & {"input_layers", "output_layers"})
    )


def _registered_name(node):
    """Returns the name under which Keras looks a class up before all else."""
    return node.get("registered_name", node["class_name"])


def _check_shape_of_object(node, where):
    name = node["class_name"]
    if "module" not in node and not str(name).startswith("__"):
        # Keras reads the older form by other rules, which ignore safe_mode.
        raise UnsafeModelError(
            f"model.keras names {_short(name)} at '{where.lstrip('.')}' without a "
            "'module': Keras 3 does not write this form. Save the model again with it."
        )
    alias = node.get("registered_name")
    config_type = str if name == "function" else dict
    if (
        not isinstance(name, str)
        or name.startswith("__")
        or not isinstance(alias, (str, type(None)))
        or not isinstance(node["module"], (str, type(None)))
        or not isinstance(node.get("config"), config_type)
    ):
        _refuse(name if isinstance(name, str) else _short(name), where, alias=alias)


def _check_array(node, where):
    config = node.get("config")
    if not isinstance(config, dict) or str(config.get("dtype")) not in ARRAY_DTYPES:
        _refuse(node["class_name"], where)
    waiting = [config.get("value")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif not isinstance(value, (bool, int, float)):
            _refuse(node["class_name"], where)


def _check_plain(value, where):
    """Shapes and names only: nothing here may be an object to build."""
    if isinstance(value, dict) and "class_name" in value:
        _refuse(_short(value["class_name"]), where)
    for item in _items(value):
        _check_plain(item, where)


def _short(value):
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _refuse(name, where, kind="class", alias=None):
    alias = f" (registered as {_short(alias)})" if alias else ""
    raise UnsafeModelError(
        f"model.keras asks for the {kind} '{name}'{alias} at "
        f"'{where.lstrip('.') or 'the top'}', which a zoo model may not hold. "
        "Allowed: the classes of ae_zoo and the Keras names listed in "
        "ae_zoo/allowlist.py (Dense, Conv2D, BatchNormalization, Adam, ...); pass "
        "custom_objects={'Name': Name} for a class of your own that you trust."
    )


def _refuse_graph(where, reason):
    raise UnsafeModelError(
        f"model.keras holds a Functional model at '{where.lstrip('.') or 'the top'}' "
        f"that Keras would not have saved: {reason}. Expected: every call of every "
        "layer lies between the declared inputs and outputs. Do not load this file."
    )
