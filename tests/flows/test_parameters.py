import re
from typing import Any

import pytest

from flows.parameters import configured
from lamp_core.config import Config, load_params, profile_config, profile_names, save_params
from lamp_core.errors import LampError
from tasks.project import Project
from tests.toy import Toy
from tests.unit.tokens.test_shards import shard_set


def configure(project: Project, **flags: Any) -> Config:
    """Change ``params.yaml`` as a run with these flags does."""
    config = configured(project, **flags)
    save_params(config, project.params_file)
    return config


def test_without_flags_the_parameters_stay(toy: Toy) -> None:
    toy.set("t2m.layers=7")
    before = toy.project.params_file.read_bytes()
    assert configure(toy.project).t2m.layers == 7
    assert toy.project.params_file.read_bytes() == before


def test_a_profile_keeps_data_set_and_skeleton(toy: Toy) -> None:
    configure(toy.project, data="other")
    config = configure(toy.project, profile="quick")
    assert (config.ingest.data, config.ingest.skeleton) == ("other", "kit21")
    assert config.t2m == profile_config("quick").t2m
    assert load_params(toy.project.params_file) == config


def test_a_data_set_brings_the_skeleton_that_it_states(toy: Toy) -> None:
    assert configure(toy.project, data="other").ingest.skeleton == "kit21"
    config = configure(toy.project, data="procedural", profile="smoke")
    assert (config.ingest.data, config.ingest.skeleton) == ("procedural", "smpl22")


def test_a_first_run_needs_a_profile(toy: Toy) -> None:
    toy.project.params_file.unlink()
    with pytest.raises(LampError, match=r"params\.yaml is missing"):
        configure(toy.project)
    assert configure(toy.project, profile="smoke").profile == "smoke"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"data": "nope"}, "unknown data set 'nope'; known: other, procedural"),
        ({"data": "../sources/other"}, "unknown data set"),
        ({"profile": "nope"}, f"unknown profile 'nope'; known: {', '.join(profile_names())}"),
        ({"assignments": ["t2m.widht=3"]}, "unknown parameter 't2m.widht'; known at t2m: layers"),
        ({"assignments": ["ingest.skeleton=smpl99"]}, "unknown skeleton 'smpl99'; known: kit21, smpl22"),
        ({"data": "other", "assignments": ["ingest.skeleton=smpl22"]}, "has the skeleton kit21, not smpl22"),
    ],
)
def test_what_is_unknown_is_named_and_nothing_is_written(flags: dict, message: str, toy: Toy) -> None:
    before = toy.project.params_file.read_bytes()
    with pytest.raises(LampError, match=re.escape(message)):
        configure(toy.project, **flags)
    assert toy.project.params_file.read_bytes() == before


def test_a_lamp_from_elsewhere_is_noted_with_its_content(toy: Toy) -> None:
    folder = toy.project.root / "kept"
    folder.mkdir()
    (folder / "model.safetensors").write_text("weights")
    first = configure(toy.project, assignments=["pretrain.pretrained=kept"]).pretrain.pretrained_hash
    (folder / "model.safetensors").write_text("other weights")
    second = configure(toy.project).pretrain.pretrained_hash
    assert "" != first != second != ""
    assert configure(toy.project, assignments=["pretrain.pretrained=''"]).pretrain.pretrained_hash == ""
    with pytest.raises(LampError, match=r"pretrain\.pretrained: there is no folder nope"):
        configure(toy.project, assignments=["pretrain.pretrained=nope"])


def test_shards_are_noted_with_their_content(toy: Toy) -> None:
    def noted(*assignments: str) -> str:
        return configure(toy.project, assignments=assignments).large_motion.shards_hash

    sets = [shard_set(toy.project.root / name, sizes) for name, sizes in {"a": (3, 5), "b": (3, 6)}.items()]
    assert noted("large_motion.shards=a") == sets[0].content_hash == noted()
    assert noted("large_motion.shards=b") == sets[1].content_hash != sets[0].content_hash
    assert noted("large_motion.shards=''") == ""
    with pytest.raises(
        LampError, match=r"large_motion\.shards: there is no folder nope; `lamp data shard nope`"
    ):
        noted("large_motion.shards=nope")
    (toy.project.root / "a" / "shard-00001.parquet").unlink()
    with pytest.raises(LampError, match=r"shard-00001\.parquet is missing; `lamp data shard"):
        noted("large_motion.shards=a")


@pytest.mark.parametrize("section", ["language_model", "lexical_text"])
def test_further_texts_are_noted_with_their_content(section: str, toy: Toy) -> None:
    def noted(*assignments: str) -> str:
        return str(getattr(configure(toy.project, assignments=assignments), section).texts_hash)

    folder = toy.project.root / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("a man walks#a/DET man/NOUN walk/VERB#0.0#0.0\n")
    first = noted(f"{section}.texts=[texts]")
    (folder / "a.txt").write_text("a man runs#a/DET man/NOUN run/VERB#0.0#0.0\n")
    second = noted()
    assert "" != first != second != ""
    assert noted(f"{section}.texts=[]") == ""
    with pytest.raises(LampError, match=rf"{section}\.texts: there is no folder nope"):
        noted(f"{section}.texts=[nope]")


@pytest.mark.parametrize("text", ["name: [", "just words", "name: broken\nkind: nonsense\n"])
def test_a_data_set_whose_file_is_broken_is_named(text: str, toy: Toy) -> None:
    path = toy.project.data / "sources" / "broken.yaml"
    path.write_text(text)
    with pytest.raises(LampError, match=re.escape(str(path))):
        configure(toy.project, data="broken")
