"""Configuration: profiles, overrides, unknown keys, params.yaml."""

from pathlib import Path

import pytest
import yaml

from lamp_core.config import (
    Config,
    load_params,
    override,
    profile_config,
    profile_names,
    render_params,
    save_params,
)
from lamp_core.errors import LampError


@pytest.mark.parametrize("name", profile_names())
def test_a_profile_survives_params_yaml(name: str, tmp_path: Path) -> None:
    config = profile_config(name)
    path = tmp_path / "params.yaml"
    assert save_params(config, path) and not save_params(config, path)
    assert load_params(path) == config
    for line in path.read_text().splitlines()[2:]:
        assert not line or "#" in line, f"no description: {line}"


@pytest.mark.parametrize(
    "name", ["a; rm -rf ~", "$(id)", "../x", "a b", "A", "a/b", "", "a\n", "`id`", "${x}"]
)
def test_a_data_set_s_name_is_no_path_and_no_command(name: str) -> None:
    with pytest.raises(LampError, match=r"ingest\.data"):
        override(profile_config("quick"), [f"ingest.data={yaml.safe_dump(name).strip()}"])


def test_every_value_reads_as_its_own_type_in_yaml() -> None:
    config = override(profile_config("quick"), ["t2m.training.learning_rate=1e-7"])
    values = yaml.safe_load(render_params(config))
    assert values["t2m"]["training"]["learning_rate"] == 1e-7
    assert Config.model_validate(values) == config


def test_the_papers_sizes_are_the_defaults() -> None:
    paper = profile_config("paper")
    assert (paper.tokenizer.codes, paper.tokenizer.code_width, paper.pretrain.queries) == (512, 512, 49)
    assert (paper.t2m.layers, paper.t2m.heads, paper.t2m.width) == (6, 6, 384)
    assert paper.t2m.attention_train == "causal" and paper.t2m.attention_infer == "bidirectional"


def test_an_override_changes_one_value() -> None:
    config = override(profile_config("quick"), ["t2m.guidance=2", "ingest.data=mine"])
    assert config.t2m.guidance == 2.0 and config.ingest.data == "mine"
    assert config.tokenizer == profile_config("quick").tokenizer


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("t2m.widht=3", "unknown parameter 't2m.widht'; known at t2m: layers, heads, width"),
        ("nothing.width=3", "unknown parameter 'nothing.width'; known at the top level: profile, ingest"),
        ("t2m.width.more=3", "unknown parameter 't2m.width.more'; known at t2m.width: none below it"),
        ("t2m.width", "section.parameter=value"),
        ("t2m.width=-3", "'t2m.width': input should be greater than or equal to 1, got -3"),
        ("t2m.attention_train=sideways", "'causal' or 'bidirectional'"),
    ],
)
def test_a_bad_override_names_the_thing(assignment: str, words: str) -> None:
    with pytest.raises(LampError) as error:
        override(profile_config("quick"), [assignment])
    assert words in str(error.value) and "\n" not in str(error.value)


def test_a_bad_file_names_the_thing(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    with pytest.raises(LampError, match="is missing"):
        load_params(path)
    path.write_text("t2m: {widht: 3}")
    with pytest.raises(LampError, match=r"unknown parameter 't2m\.widht'; known: layers"):
        load_params(path)
    path.write_text("a: [")
    with pytest.raises(LampError, match="not valid YAML"):
        load_params(path)


def test_an_unknown_profile_names_the_known() -> None:
    with pytest.raises(LampError, match="unknown profile 'nope'; known: gpu, paper, paper-kit, quick, smoke"):
        profile_config("nope")
