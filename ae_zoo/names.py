"""Names: of what nobody knows, and of the arguments of a class."""

import difflib
import inspect


def unknown_name(kind, name, known, remedy=""):
    """The `ValueError` for a name that is not in `known`, with near matches.

    Args:
        kind: What is named: "model", "recipe".
        name: What was received.
        known: The names there are.
        remedy: A further sentence on what to do, beginning with a space.
    """
    known = sorted(known)
    return ValueError(
        f"Found no {kind} named {name!r}. {did_you_mean(name, known)}"
        f"Known: {known}.{remedy}"
    )


def did_you_mean(name, known):
    """Returns "Did you mean 'mnist'? " for 'mnits', or an empty string."""
    near = difflib.get_close_matches(str(name).lower(), list(known), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def argument_names(cls, base):
    """Names of the constructor arguments of a class, with those it inherits.

    Args:
        cls: A subclass of `base`.
        base: The class whose own arguments are the last to count.
    """
    return sorted(
        {
            name
            for owner in cls.__mro__
            if issubclass(owner, base) and "__init__" in vars(owner)
            for name, parameter in inspect.signature(owner.__init__).parameters.items()
            if name != "self"
            and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        }
    )
