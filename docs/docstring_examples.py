"""An extension of Griffe, which reads the docstrings of the API pages.

The examples of the docstrings are doctests without a fence, which Markdown would show
as quotations. The extension puts them into fences, so that they appear as code.
"""

from __future__ import annotations

import re
from typing import Any

import griffe

# Lines of an example, from the first `>>>` to the next empty line.
_EXAMPLE = re.compile(r"(?m)^( *)>>> (?:.*\n?)(?:^\1\S.*\n?)*")


class DocstringExamples(griffe.Extension):
    """Put the doctests of each docstring into fences."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Change the docstring of an object, if it has one."""
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text: str) -> str:
    """Return a docstring whose examples are in fences."""

    def fence(match: re.Match[str]) -> str:
        return f"{match[1]}```pycon\n{match[0].rstrip()}\n{match[1]}```\n"

    return _EXAMPLE.sub(fence, text).rstrip()
