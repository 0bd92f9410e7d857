"""Experiment files: the shipped ones, the grid, and values as `--set` takes them."""

from pathlib import Path

import pytest

from lamp_core.config import Config, override, profile_config
from lamp_core.config.experiment import Experiment, assignments, changed, load_experiment, with_seed
from lamp_core.errors import LampError

FOLDER = Path(__file__).parents[3] / "experiments"
SHIPPED = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_experiment_sets_parameters_that_exist(path: Path) -> None:
    experiment = load_experiment(path)
    assert experiment.name == path.stem
    configs = [
        override(profile_config("paper"), assignments({**experiment.base.set, **row.set}))
        for row in experiment.planned()
    ]
    planned = zip(configs, experiment.planned(), strict=True)
    sources = [(config, row.pretrained_on, row.shows) for config, row in planned]
    assert all(one not in sources[:place] for place, one in enumerate(sources)), "two rows are the same"


def test_the_shipped_experiments_are_found() -> None:
    whats = ("bases", "hands", "joint", "lora", "prompts")
    of_motion_language = [f"motion-language-{what}" for what in whats]
    whats = ("data", "kinds", "loss", "parts", "scaling", "scratch", "unseen-recorded", "unseen", "words")
    of_large_motion = [f"large-motion-{what}" for what in whats]
    assert [path.stem for path in SHIPPED] == [
        "codebook-size",
        *of_large_motion,
        "large-motion",
        "lexical-sparsity",
        "lexical-t2m",
        "lexical",
        *of_motion_language,
        "motion-language",
        "pretraining-switches",
        "quick",
        "t2m-switches",
        "table-a1",
        "table5",
        "table6",
        "tokenizer-hands",
        "tokenizer-layers",
        "tokenizer-switches",
    ]


def test_both_ablations_have_the_model_that_is_shipped_and_table_6_names_the_paper_s() -> None:
    shipped = profile_config("paper")
    own_projection = override(shipped, ["t2m.condition=all_queries"])
    assert list(rows_of("table5", shipped).values())[-1] == own_projection
    of_table_6 = rows_of("table6", shipped)
    assert of_table_6["+ decoded as trained"] == shipped
    t2m = of_table_6["+ decoder-only"].t2m
    assert (t2m.attention_train, t2m.attention_infer, t2m.guidance) == ("causal", "bidirectional", 4)


def rows_of(name: str, shipped: Config) -> dict[str, Config]:
    """Labels and parameters of the rows of a shipped experiment."""
    experiment = load_experiment(FOLDER / f"{name}.yaml")
    return {
        row.label: override(shipped, assignments({**experiment.base.set, **row.set}))
        for row in experiment.planned()
    }


def test_a_grid_is_every_combination_of_every_row() -> None:
    values = {"name": "x", "title": "x", "grid": {"t2m.guidance": [2, 4], "t2m.temperature": [1.0]}}
    alone = Experiment.model_validate(values).planned()
    assert [row.label for row in alone] == [
        "t2m.guidance=2, t2m.temperature=1.0",
        "t2m.guidance=4, t2m.temperature=1.0",
    ]
    rows = [{"label": "a"}, {"label": "b", "set": {"t2m.layers": 2}}]
    both = Experiment.model_validate({**values, "rows": rows}).planned()
    assert [row.label.partition(", ")[0] for row in both] == ["a", "a", "b", "b"]
    assert both[-1].set == {"t2m.layers": 2, "t2m.guidance": 4, "t2m.temperature": 1.0}


def test_a_row_s_own_value_of_the_grid_stands_alone() -> None:
    rows = [
        {"label": "a"},
        {"label": "b", "check": True, "set": {"t2m": {"guidance": 8}}},
    ]
    values = {"name": "x", "title": "x", "rows": rows, "grid": {"t2m.guidance": [2, 4]}}
    planned = Experiment.model_validate(values).planned()
    assert [row.label for row in planned] == ["a, t2m.guidance=2", "a, t2m.guidance=4", "b"]
    assert [row.check for row in planned] == [False, False, True]
    assert assignments(planned[-1].set) == ["t2m.guidance=8"]


def test_values_of_the_grid_are_checks_and_change_nothing_else() -> None:
    values = {"name": "x", "title": "x", "rows": [{"label": "a"}], "grid": {"t2m.guidance": [2, 4]}}
    before = Experiment.model_validate(values).planned()
    after = Experiment.model_validate({**values, "checks": {"t2m.guidance": [4]}}).planned()
    assert [row.check for row in after] == [False, True]
    assert [row.model_copy(update={"check": False}) for row in after] == before, "finished rows are known"
    with pytest.raises(ValueError, match=r"checks: t2m\.guidance 5 is no value of the grid"):
        Experiment.model_validate({**values, "checks": {"t2m.guidance": [5]}})


def test_a_row_can_only_show_something_in_place_of_a_columns_system() -> None:
    table = {"title": "T", "columns": [{"system": "LexCMLP", "metric": "MedR"}]}
    values = {"name": "x", "title": "x", "tables": [table]}
    shows = {"label": "a", "shows": {"LexCMPL": "Dense baseline"}}
    with pytest.raises(ValueError, match=r"'a' shows something in place of 'LexCMPL'.*are of: LexCMLP"):
        Experiment.model_validate({**values, "rows": [shows]})


def test_values_come_through_as_they_were_written() -> None:
    settings = {"t2m": {"training": {"learning_rate": 1e-5}, "condition": "text"}, "evaluate.length": "true"}
    config = override(profile_config("quick"), assignments(settings))
    assert (config.t2m.training.learning_rate, config.t2m.condition) == (1e-5, "text")
    assert config.evaluate.length == "true"


def test_another_name_is_checked_too() -> None:
    experiment = Experiment.model_validate({"name": "x", "title": "x", "rows": [{"label": "a"}]})
    assert changed(experiment, name="x-gpu").name == "x-gpu"
    with pytest.raises(LampError, match="--name: 'name': string should match pattern"):
        changed(experiment, name="../x")


def test_a_seed_reaches_all_that_trains_and_nothing_that_measures() -> None:
    base = override(profile_config("quick"), ["t2m.training.seed=7", "evaluate.seed=3"])
    before, after = (flat(with_seed(base, seed)) for seed in (0, 2))
    assert before == flat(base)
    moved = {key for key in before if before[key] != after[key]}
    every = {key for key in before if key.endswith("training.seed")}
    assert moved == {key for key in every if not key.startswith("evaluator.")} and len(moved) > 4
    assert after["t2m.training.seed"] == "9" and after["evaluate.seed"] == "3"


def test_name_and_seeds_of_the_command_change_nothing_else() -> None:
    described = Experiment.model_validate(
        {
            "name": "a",
            "title": "A",
            "rows": [{"label": "x"}],
            "tables": [{"title": "T", "columns": [{"metric": "FID"}]}],
        }
    )
    other = changed(described, name="b", seeds=3)
    assert (other.name, other.seeds, other.rows) == ("b", 3, described.rows)
    assert other.tables[0].columns[0].model_fields_set == {"metric"}, "the catalogue fills in the rest"
    assert changed(described, name=None, seeds=None) == described
    with pytest.raises(LampError, match="--seeds: 'seeds': input should be greater"):
        changed(described, seeds=0)


def flat(config: Config) -> dict[str, str]:
    return dict(line.split("=", 1) for line in assignments(config.model_dump()))
