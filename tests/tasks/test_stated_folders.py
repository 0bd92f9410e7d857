"""Folders that parameters name: all of them are known, for the snapshot, for DVC and for workers."""

from lamp_core.config import Section, override, profile_config
from tasks.stated_folders import STATED_FOLDERS, stated_folders


def test_every_parameter_whose_content_is_noted_is_known() -> None:
    sections = [name for name, value in profile_config("quick") if isinstance(value, Section)]
    noted = {
        f"{section}.{field.removesuffix('_hash')}"
        for section in sections
        for field in type(getattr(profile_config("quick"), section)).model_fields
        if field.endswith("_hash")
    }
    assert {each.name for each in STATED_FOLDERS} == noted


def test_the_folders_are_told_by_parameter_and_by_section() -> None:
    config = profile_config("quick")
    assert stated_folders(config) == {}
    config = override(config, ["lexical_text.texts=[a, b]", "large_motion.shards=c"])
    assert stated_folders(config) == {"lexical_text.texts": ["a", "b"], "large_motion.shards": ["c"]}
    assert stated_folders(config, ["large_motion", "lexical_text.layers"]) == {"large_motion.shards": ["c"]}
    assert stated_folders(config, ["lexical_text.texts"]) == {"lexical_text.texts": ["a", "b"]}
