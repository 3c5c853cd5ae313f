"""Check of the graph of a Functional model inside a config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ae_zoo._bounds import MAX_ATTEMPTS
from ae_zoo._reading import items
from ae_zoo.zoo.allowlist import FUNCTIONAL
from ae_zoo.zoo.errors import Where, refuse, refuse_graph, short

MAX_ARGUMENT_LENGTH = 64  # characters of a string passed to a layer call

Node = tuple[str, int]  # name of a layer, number of the call


class Checker(Protocol):
    """What the check of a graph needs from the check of the whole config."""

    def check_value(self, value: object, where: Where) -> None: ...

    def is_functional(self, node: dict[str, Any], where: Where) -> bool: ...


def check_graph(config: Any, where: Where, checker: Checker) -> list[dict[str, Any]]:
    """Check the nodes of a Functional model and return its layers without them.

    A node is one call of a layer. While it loads a model, Keras makes every call in
    the file, including those that no output needs. So each call must lie between the
    inputs and the outputs.

    Args:
        config: Config of the Functional model.
        where: Its path inside config.json.
        checker: The checker of the whole config, which knows the registered names.

    Returns:
        The configs of the layers, which are still to be checked.
    """
    inputs: set[Node] = set()
    sources: dict[Node, list[Node]] = {}
    shifts: dict[str, int] = {}
    layers = []
    for layer in _functional_layers(config, where):
        name, nodes = layer["name"], layer["inbound_nodes"]
        if name in shifts:
            refuse_graph(where, f"two layers are named '{name}'")
        shifts[name] = int(is_graph(layer) or checker.is_functional(layer, where))
        if layer["class_name"] == "InputLayer":
            inputs.add((name, 0))
        for index, node in enumerate(nodes):
            sources[name, index] = _node_sources(node, (*where, name), checker)
        layers.append({k: v for k, v in layer.items() if k != "inbound_nodes"})
    declared = {leaf[:2] for leaf in _leaves(config.get("input_layers"), where)}
    if declared != inputs:
        refuse_graph(where, "the InputLayers are not the declared inputs")
    # Keras counts the calls of a nested Functional model from 1, but only here.
    outputs = [
        (name, index - shifts.get(name, 0))
        for name, index, _ in _leaves(config.get("output_layers"), where)
    ]
    _check_reached(outputs, inputs, sources, where)
    _check_order(list(shifts), sources, where)
    return layers


def is_graph(node: dict[str, Any]) -> bool:
    """Whether Keras would build the object as a graph of layers."""
    config = node.get("config")
    return f"{node.get('module')}.{node['class_name']}" == FUNCTIONAL or (
        isinstance(config, dict)
        and bool(config.keys() & {"input_layers", "output_layers"})
    )


def check_plain(value: object, where: Where) -> None:
    """Raise if a value holds an object to build; shapes and names are allowed."""
    if isinstance(value, dict) and "class_name" in value:
        refuse(short(value["class_name"]), where)
    for item in items(value):
        check_plain(item, where)


def _check_reached(
    outputs: list[Node],
    inputs: set[Node],
    sources: Mapping[Node, list[Node]],
    where: Where,
) -> None:
    """Walk from the outputs back to the inputs; raise if a call was not reached."""
    waiting, reached = list(outputs), set()
    while waiting:
        node = waiting.pop()
        if node not in sources and node not in inputs:
            refuse_graph(where, f"it refers to call {node[1]} of '{node[0]}'")
        if node not in reached:
            reached.add(node)
            waiting.extend(sources.get(node, ()))
    for name, index in sorted(set(sources) - reached):
        refuse_graph(where, f"call {index} of '{name}' is an unconnected node")


def _check_order(
    names: list[str], sources: Mapping[Node, list[Node]], where: Where
) -> None:
    """Make the calls as Keras would; raise if it would have to try too often.

    Keras goes through the layers in the order of the file, again and again, and calls
    each of them as often as its arguments are there already.
    """
    waiting = {name: 0 for name in names if (name, 0) in sources}
    made, attempts = {(name, 0) for name in names if name not in waiting}, 0
    while waiting:
        before = len(made)
        for name in list(waiting):
            while needs := sources.get((name, waiting[name])):
                attempts += len(needs)
                if attempts > MAX_ATTEMPTS:
                    refuse_graph(where, "its layers are not in the order of the calls")
                if not made.issuperset(needs):
                    break
                made.add((name, waiting[name]))
                waiting[name] += 1
            else:
                del waiting[name]
        if len(made) == before:
            refuse_graph(where, f"{short(sorted(waiting))} wait for each other")


def _functional_layers(config: Any, where: Where) -> list[dict[str, Any]]:
    layers = config.get("layers")
    if not isinstance(layers, list):
        refuse_graph(where, "it has no list of layers")
    for layer in layers:
        if (
            not isinstance(layer, dict)
            or not isinstance(layer.get("class_name"), str)
            or not isinstance(layer.get("name"), str)
            or not isinstance(layer.get("inbound_nodes"), list)
        ):
            refuse_graph(where, f"{short(layer)} is no layer")
        if bool(layer["inbound_nodes"]) == (layer["class_name"] == "InputLayer"):
            refuse_graph(where, f"layer '{layer['name']}' is an unconnected node")
    return layers


def _node_sources(node: Any, where: Where, checker: Checker) -> list[Node]:
    """Return the nodes whose outputs are the arguments of one call."""
    if (
        not isinstance(node, dict)
        or node.keys() != {"args", "kwargs"}
        or not isinstance(node["args"], list)
        or not isinstance(node["kwargs"], dict)
    ):
        refuse_graph(where, f"expected 'args' and 'kwargs', received {short(node)}")
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
                refuse_graph(where, f"an argument is too long: {short(value)}")
    if not sources:
        refuse_graph(where, "an unconnected node: the call takes no tensor")
    return sources


def _tensor_source(value: dict[str, Any], where: Where) -> Node:
    config = value.get("config")
    history: Any = config.get("keras_history") if isinstance(config, dict) else None
    if value.get("class_name") != "__keras_tensor__" or not _is_leaf(history):
        refuse_graph(
            where,
            "the arguments of a call may be numbers, short strings and tensors of "
            f"this model, received {short(value)}",
        )
    check_plain(config, where)
    return history[0], history[1]


def _is_leaf(value: Any) -> bool:
    return (
        isinstance(value, list)
        and [type(item) for item in value] == [str, int, int]
        and min(value[1:]) >= 0
    )


def _leaves(value: Any, where: Where) -> list[tuple[str, int, int]]:
    """Return the [layer, node, tensor] triples of a nested structure."""
    if _is_leaf(value):
        return [tuple(value)]
    if not isinstance(value, (list, dict)):
        refuse_graph(where, f"{short(value)} is no [layer, node, tensor]")
    return [leaf for item in items(value) for leaf in _leaves(item, where)]
