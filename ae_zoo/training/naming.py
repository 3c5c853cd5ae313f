"""Errors of the functions of a recipe, reported with the name of the field."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ae_zoo._errors import is_deliberate, place_in_user_code

# A message may quote arrays or whole configurations.
_LONGEST = 1000


@contextlib.contextmanager
def naming(field: str, also_deliberate: bool = True) -> Iterator[None]:
    """Replace any error by one that names a field and where its function failed.

    Args:
        field: Name of the field, such as "Recipe.build".
        also_deliberate: Whether to replace the errors that this package raises on
            purpose, and those of missing files, too.

    Raises:
        ValueError: The code in the `with` block raised an error, which is its cause.
    """
    try:
        yield
    except Exception as error:
        if not also_deliberate and (isinstance(error, OSError) or is_deliberate(error)):
            raise
        place = place_in_user_code(error)
        text = " ".join(str(error).split())
        if len(text) > _LONGEST:
            text = text[:_LONGEST] + " …"
        raise ValueError(
            f"{field} failed{place and f' in {place}'}. {type(error).__name__}: {text}"
        ) from error
