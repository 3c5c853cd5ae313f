"""Check of the `config.json` of a zoo model, before Keras builds anything from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ae_zoo._bounds import MAX_CALLS, MAX_OBJECTS, MAX_TENSOR, MAX_TEXT, MAX_VALUES
from ae_zoo._reading import has_control, items
from ae_zoo.zoo.allowlist import (
    ARRAY_DTYPES,
    ARRAYS,
    FUNCTION_MODULES,
    FUNCTIONS,
    LAYERS,
    MODELS,
    OPERATIONS,
    PARTS,
)
from ae_zoo.zoo.errors import UnsafeModelError, Where, readable, refuse, short
from ae_zoo.zoo.graph_check import check_graph, check_plain, is_graph

# Names, joined by signs that make a regular expression no slower. Muon searches for
# these in the paths of the variables, which the file names too.
_PATTERN = re.compile(r"[\w/ .^$|-]*")


def check_config(
    config: object,
    custom_objects: Mapping[str, object] | None = None,
    expected: type | None = None,
) -> None:
    """Raise if a model config names anything outside the allow list, or is too large.

    Args:
        config: The parsed `config.json`.
        custom_objects: Names and objects of the caller that the config may name too.
        expected: The class that the model must be or inherit from; None allows any.

    Raises:
        UnsafeModelError: Names the object and its place in the config.
    """
    _check_size(config)
    _check_calls(config)
    if not isinstance(config, dict) or "class_name" not in config:
        raise UnsafeModelError(
            "config.json holds no model: expected an object with 'class_name' and "
            f"'config', received {short(config)}."
        )
    # This import registers the classes of ae_zoo with Keras. Without it, the names of
    # our own classes would be refused like those of any other package.
    import ae_zoo.models  # noqa: F401

    checker = _Checker(custom_objects or {})
    checker.check_object(config, (), MODELS)
    if expected is not None:
        checker.check_is(config, expected)


class _Checker:
    """Walks a config as Keras would, and checks each object instead of building it.

    In all methods, `where` is the path of the value inside config.json, for messages.
    """

    def __init__(self, custom_objects: Mapping[str, object]) -> None:
        # Keras imports TensorFlow, which is not needed to read the lists.
        from keras import saving

        self.saving = saving
        self.custom_objects = custom_objects

    def check_value(self, value: object, where: Where) -> None:
        """Check any value that Keras may pass to its deserializer."""
        if isinstance(value, dict) and "class_name" in value:
            self.check_object(value, where, PARTS | LAYERS | MODELS)
        elif isinstance(value, (dict, list)):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, item in pairs:
                if isinstance(item, (dict, list, str)):
                    self.check_value(item, (*where, key))
        elif isinstance(value, str):
            # Keras replaces a string that is the name of a registered object.
            self._registered(value, where)

    def check_object(
        self, node: dict[str, Any], where: Where, allowed: frozenset[str]
    ) -> None:
        """Check one serialized object: first its name, then its contents."""
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
        if is_graph(node):
            for index, layer in enumerate(check_graph(config, where, self)):
                inner = (*where, "config", "layers", index)
                self.check_object(layer, inner, OPERATIONS | LAYERS | MODELS)
            config = {key: item for key, item in config.items() if key != "layers"}
        _check_patterns(config.get("exclude_layers"), (*where, "exclude_layers"))
        check_plain(node.get("build_config"), (*where, "build_config"))
        named = {"class_name", "registered_name", "config", "build_config"}
        rest = {key: item for key, item in node.items() if key not in named}
        self.check_value({"config": config, **rest}, where)

    def check_is(self, node: dict[str, Any], expected: type) -> None:
        """Raise unless the class of a model inherits from another."""
        name = _registered_name(node)
        cls = self._registered(name, ()) if isinstance(name, str) else None
        if not isinstance(cls, type) or not issubclass(cls, expected):
            raise UnsafeModelError(
                f"model.keras holds a {short(node['class_name'])}; expected a model of "
                f"the class {expected.__name__}. Load other models with "
                "keras.saving.load_model, if you trust where they come from."
            )

    def is_functional(self, node: dict[str, Any], where: Where) -> bool:
        """Whether a layer's trusted class is a subclass of Keras's Functional."""
        name = _registered_name(node)
        cls = self._registered(name, where) if isinstance(name, str) else None
        return any(
            base.__name__ == "Functional" for base in getattr(cls, "__mro__", ())
        )

    def _check_class(
        self, node: dict[str, Any], where: Where, allowed: frozenset[str]
    ) -> None:
        name, registered_name = node["class_name"], _registered_name(node)
        full_name = f"{node['module']}.{name}"
        trusted = registered_name and self._registered(registered_name, where)
        if trusted:
            if getattr(trusted, "__name__", None) != name:
                refuse(full_name, where, alias=registered_name)
        elif full_name not in allowed or registered_name not in (None, name):
            refuse(full_name, where, alias=registered_name)

    def _check_function(self, node: dict[str, Any], where: Where) -> None:
        name, module = node["config"], node["module"]
        trusted = self._registered(name, where) is not None
        alias = node.get("registered_name")
        builtin = name in FUNCTIONS and module in FUNCTION_MODULES
        if not trusted and not (builtin and alias in (None, "function", name)):
            refuse(f"{module}.{name}", where, kind="function", alias=alias)

    def _registered(self, name: str, where: Where) -> object | None:
        """Return the object that Keras would find under `name`, if it is trusted.

        Keras looks into the active scope, the global registry and the caller's
        `custom_objects`, in an order that depends on the call: all of them must be
        trusted.
        """
        candidates = [
            self.saving.get_registered_object(name),
            self.saving.get_custom_objects().get(name),
            self.custom_objects.get(name),
        ]
        found = [item for item in candidates if item is not None]
        for item in found:
            if not self._is_trusted(name, item):
                module = getattr(item, "__module__", "?")
                refuse(f"{module}.{name}", where, kind="registered object")
        return found[0] if found else None

    def _is_trusted(self, name: str, item: object) -> bool:
        if any(item is own for own in self.custom_objects.values()):
            return True
        module = getattr(item, "__module__", None) or ""
        return name.startswith("ae_zoo>") and module.split(".")[0] == "ae_zoo"


def _registered_name(node: dict[str, Any]) -> Any:
    """Return the name under which Keras looks up a class first."""
    return node.get("registered_name", node["class_name"])


def _check_shape_of_object(node: dict[str, Any], where: Where) -> None:
    name = node["class_name"]
    if "module" not in node and not str(name).startswith("__"):
        # Keras reads the older form by other rules, which ignore safe_mode.
        raise UnsafeModelError(
            f"model.keras names {short(name)} at '{readable(where)}' without a "
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
        refuse(name if isinstance(name, str) else short(name), where, alias=alias)


def _check_array(node: dict[str, Any], where: Where) -> None:
    config = node.get("config")
    if not isinstance(config, dict) or str(config.get("dtype")) not in ARRAY_DTYPES:
        refuse(node["class_name"], where)
    waiting = [config.get("value")]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting.extend(value)
        elif not isinstance(value, (bool, int, float)):
            refuse(node["class_name"], where)


def _check_patterns(value: object, where: Where) -> None:
    for pattern in items(value):
        if not isinstance(pattern, str) or not _PATTERN.fullmatch(pattern):
            raise UnsafeModelError(
                f"model.keras holds the regular expression {short(pattern)} at "
                f"'{readable(where)}'; expected names, or parts of them, with nothing "
                "repeated."
            )


def _check_size(config: object) -> None:
    """Raise if there is too much of anything, or if a text is no plain text."""
    waiting, values, objects = [config], 0, 0
    while waiting:
        value = waiting.pop()
        values += 1
        if isinstance(value, str):
            _check_text(value)
        elif isinstance(value, dict):
            objects += "class_name" in value
            for key, item in value.items():
                _check_text(key)
                if key.endswith("shape"):
                    _check_shape(item)
        # The values of arrays cost no more than their bytes in the file.
        if not _is_array(value):
            waiting.extend(items(value))
        if values > MAX_VALUES or objects > MAX_OBJECTS:
            raise UnsafeModelError(
                f"config.json holds more than {MAX_VALUES:,} values or "
                f"{MAX_OBJECTS:,} objects."
            )


def _check_calls(config: object) -> None:
    # If one graph calls another ten times, and that one calls a third ten times, and
    # so on, a small file can keep Keras busy for years.
    if _count_calls(config) > MAX_CALLS:
        raise UnsafeModelError(f"config.json asks for more than {MAX_CALLS:,} calls.")


def _count_calls(value: object) -> int:
    nodes = value.get("inbound_nodes") if isinstance(value, dict) else None
    inside = sum(_count_calls(item) for item in items(value) if item is not nodes)
    return len(nodes) * (1 + inside) if isinstance(nodes, list) and nodes else inside


def _is_array(value: object) -> bool:
    name = value.get("class_name") if isinstance(value, dict) else None
    return isinstance(name, str) and name in ARRAYS


def _check_text(text: str) -> None:
    if len(text) > MAX_TEXT:
        raise UnsafeModelError(
            f"config.json holds a text of {len(text):,} characters, {short(text)}; at "
            f"most {MAX_TEXT:,} are allowed."
        )
    if has_control(text):
        raise UnsafeModelError(f"config.json holds control characters: {short(text)}.")


def _check_shape(shape: object) -> None:
    """Raise if a shape, or one in a nested list of shapes, has too many values."""
    product = 1
    for size in items(shape):
        if isinstance(size, int):
            product *= max(1, abs(size))
        elif isinstance(size, list):
            _check_shape(size)
        if product > MAX_TENSOR:
            raise UnsafeModelError(
                f"config.json holds the shape {short(shape)}; at most {MAX_TENSOR:,} "
                "values of one sample are allowed."
            )
