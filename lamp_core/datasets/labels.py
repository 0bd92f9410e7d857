"""Labels: what the captions of a clip were made from, such as its content and its style.

Who knows them knows all that such captions can tell, so that they bound what retrieval can reach. They come
from a manifest's columns, from the generator, or from the names of the clips.
"""

import re
from collections.abc import Mapping
from functools import lru_cache


def check_label_pattern(pattern: str) -> str:
    """The pattern as it is; ValueError where it is no regular expression or names no group."""
    try:
        names = re.compile(pattern).groupindex
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from error
    if not names:
        raise ValueError("it names no label: write a label as a named group, such as (?P<content>[^_]+)")
    return pattern


def labels_of_name(pattern: str | None, name: str) -> Mapping[str, str]:
    """The named groups of the pattern in a clip's name, in their order; none where it does not fit."""
    found = None if pattern is None else _compiled(pattern).fullmatch(name)
    return {} if found is None else {label: value for label, value in found.groupdict().items() if value}


_compiled = lru_cache(maxsize=8)(re.compile)
