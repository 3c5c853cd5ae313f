"""The error for a name that nobody knows."""

import difflib


def unknown_name(kind, name, known, remedy=""):
    """The `ValueError` for a name that is not in `known`, with near matches.

    Args:
        kind: What is named: "model", "dataset".
        name: What was received.
        known: The names there are.
        remedy: A further sentence on what to do, beginning with a space.
    """
    known = sorted(known)
    near = difflib.get_close_matches(str(name), known, n=3, cutoff=0.5)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ValueError(f"Found no {kind} named {name!r}.{hint} Known: {known}.{remedy}")
