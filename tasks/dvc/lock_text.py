"""The text of ``dvc.lock``: YAML 1.2, as DVC reads and writes it.

YAML 1.1, which PyYAML reads, takes the word ``yes`` for true, ``0:10`` for ten and ``1e-05`` for a word; a
parameter that was read so and written again makes its stage stale.
"""

from collections import OrderedDict
from io import StringIO
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import SafeRepresenter


class _Representer(SafeRepresenter):
    """Plain types; what stands at two places is written twice."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Representer.add_representer(OrderedDict, _Representer.represent_dict)


def parse_lock(text: str) -> dict[str, Any]:
    """The content of a lock.

    Raises:
        ValueError: the text is cut off, or no YAML.
    """
    try:
        return YAML(typ="safe").load(text) or {}
    except YAMLError as error:
        raise ValueError(f"dvc.lock is no YAML: {error}") from error


def lock_text(content: dict[str, Any]) -> str:
    """The text of a lock."""
    yaml, stream = YAML(typ="safe"), StringIO()
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.Representer = _Representer
    yaml.dump(content, stream)
    return stream.getvalue()
