"""Clips of some actions, by a label that names the actions of each clip."""

import re
from collections.abc import Mapping, Sequence

from lamp_core.errors import LampError


def names_any(labels: Mapping[str, str], label: str, names: Sequence[str]) -> bool:
    """Whether a clip's label has one of the names as a word."""
    named = labels.get(label, "")
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", named) for name in names)


def check_named(labels: Sequence[Mapping[str, str]], label: str, names: Sequence[str], key: str) -> None:
    """Raise for a name that no clip is labelled with.

    Args:
        labels: of all clips.
        label: that should have the names.
        names: that were asked for.
        key: of the parameter that has them.

    Raises:
        LampError: no clip has one of them; known ones are named.
    """
    for name in names:
        if not any(names_any(each, label, (name,)) for each in labels):
            known = sorted({each[label] for each in labels if label in each})[:8]
            raise LampError(
                f"{key}: no clip has '{name}' in its label {label}; "
                f"known: {', '.join(known) or 'none, the data set has no such label'}"
            )
