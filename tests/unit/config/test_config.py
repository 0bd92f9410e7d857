"""Configuration: profiles, overrides, unknown keys, params.yaml."""

import re
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
from lamp_core.config.renamed import RENAMED
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
    assert (paper.tokenizer.codebook_size, paper.tokenizer.code_dim, paper.pretrain.queries) == (512, 512, 49)
    assert (paper.t2m.layers, paper.t2m.heads, paper.t2m.hidden_dim) == (6, 6, 384)
    assert paper.t2m.attention_train == "causal" and paper.t2m.attention_infer == "causal"


def test_an_hour_is_quick_but_for_what_it_says() -> None:
    hour, quick = profile_config("hour"), profile_config("quick")
    assert (hour.profile, hour.evaluator, hour.evaluate) == ("hour", quick.evaluator, quick.evaluate)
    assert hour.tokenizer.training.steps > quick.tokenizer.training.steps
    assert hour.tokenizer.training.batch_size == quick.tokenizer.training.batch_size


def test_an_override_changes_one_value() -> None:
    config = override(profile_config("quick"), ["t2m.guidance=2", "ingest.data=mine"])
    assert config.t2m.guidance == 2.0 and config.ingest.data == "mine"
    assert config.tokenizer == profile_config("quick").tokenizer


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("t2m.widht=3", "unknown parameter 't2m.widht'; known at t2m: layers, heads, hidden_dim"),
        ("nothing.width=3", "unknown parameter 'nothing.width'; known at the top level: profile, ingest"),
        (
            "t2m.hidden_dim.more=3",
            "unknown parameter 't2m.hidden_dim.more'; known at t2m.hidden_dim: none below it",
        ),
        ("t2m.hidden_dim", "section.parameter=value"),
        ("t2m.hidden_dim=-3", "'t2m.hidden_dim': input should be greater than or equal to 1, got -3"),
        ("t2m.attention_train=sideways", "'causal', 'bidirectional' or 'hybrid'"),
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


def test_the_paper_s_language_model_is_the_one_change_of_its_profile() -> None:
    paper, other = profile_config("paper"), profile_config("paper-motion-language")
    assert other.language_model.checkpoint == "meta-llama/Llama-3.1-8B"
    same = {"language_model": paper.language_model, "profile": paper.profile}
    assert other.model_copy(update=same) == paper


def test_an_unknown_profile_names_the_known() -> None:
    known = "gpu, hour, paper, paper-kit, paper-motion-language, quick, smoke"
    with pytest.raises(LampError, match=f"unknown profile 'nope'; known: {known}"):
        profile_config("nope")


def test_a_renamed_parameter_is_refused_with_its_new_name(tmp_path: Path) -> None:
    defaults = profile_config("paper").model_dump()
    for old, new in RENAMED.items():
        *sections, name = new.split(" ")[0].split(".")
        node = defaults
        for section in sections:
            node = node[section]
        assert name in node
        said = re.escape(f"{old} is now {new}")
        with pytest.raises(LampError, match=f"^--set: renamed: {said}$"):
            override(profile_config("quick"), [f"{old}=1"])
        *sections, name = old.split(".")
        values: object = {name: 1}
        for section in reversed(sections):
            values = {section: values}
        path = tmp_path / "params.yaml"
        path.write_text(yaml.safe_dump(values))
        with pytest.raises(LampError, match=f"renamed: {said}$"):
            load_params(path)


def test_all_renamed_parameters_of_a_file_are_named_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("t2m: {width: 3, top_share: 0.9}\ntokenizer: {codes: 8}\n")
    with pytest.raises(LampError) as refused:
        load_params(path)
    assert str(refused.value) == (
        f"{path}: renamed: t2m.width is now t2m.hidden_dim; t2m.top_share is now t2m.top_k_fraction "
        "(1 - top_share: 0.9 becomes 0.1); tokenizer.codes is now tokenizer.codebook_size"
    )


def test_a_renamed_value_is_refused_with_the_new_one(tmp_path: Path) -> None:
    said = "language_model.checkpoint: own is now from-scratch"
    with pytest.raises(LampError, match=f"^--set: renamed: {said}$"):
        override(profile_config("paper"), ["language_model.checkpoint=own"])
    path = tmp_path / "params.yaml"
    path.write_text("language_model: {checkpoint: own, layers: 2}\n")
    with pytest.raises(LampError, match=f"renamed: {said}$"):
        load_params(path)
