import pytest

from lamp_core.config import override, profile_config
from lamp_core.errors import LampError
from lamp_core.evaluation.catalogue import direction_at
from lamp_core.evaluation.stages import is_evaluation
from tasks.dvc.graph import read_graph
from tasks.project import find_project
from tasks.stages.catalogue import CATALOGUE
from tasks.stages.declaration import Catalogue, Stage, System
from tasks.stages.ranking import Ranking

SHARED = (Stage("clips", "clips"), Stage("tokenizer", "VQ-VAE", reads=("clips",), trains="VQ-VAE"))
OF_ONE = Stage("model_a", "a model", reads=("tokenizer",))
OTHER_TOKENIZER = Stage("tokenizer_b", "LFQ", module="tokenizer", reads=("clips",))
OF_OTHER = Stage("model_b", "another", reads=("tokenizer_b",))
A, B = System("a", "the one", finals=("model_a",)), System("b", "the other", finals=("model_b",))


@pytest.fixture
def catalogue() -> Catalogue:
    return Catalogue((*SHARED, OF_ONE, OTHER_TOKENIZER, OF_OTHER), (A, B))


def test_a_system_is_its_last_stages_and_all_that_they_need(catalogue: Catalogue) -> None:
    assert catalogue.stages_of("a") == ("clips", "tokenizer", "model_a")
    assert catalogue.stages_of("b") == ("clips", "tokenizer_b", "model_b")
    assert catalogue.systems_of("clips") == ("a", "b")
    assert catalogue.systems_of("tokenizer_b") == ("b",)


def test_an_unknown_system_is_named_with_the_known_ones(catalogue: Catalogue) -> None:
    with pytest.raises(LampError, match="unknown system 'c'; known: a, b"):
        catalogue.stages_of("c")


def test_a_second_tokenizer_is_an_entry_whose_module_is_the_first_ones(catalogue: Catalogue) -> None:
    stage = catalogue.stages["tokenizer_b"]
    assert stage.command == "python -m tasks.stages.tokenizer --stage tokenizer_b"
    assert stage.section == "tokenizer_b"
    assert catalogue.input_of("model_b", "tokenizer") == "tokenizer_b"
    assert catalogue.input_of("model_a", "tokenizer") == "tokenizer"


def test_a_stage_that_no_catalogue_knows_reads_what_it_names() -> None:
    assert CATALOGUE.input_of("toy", "tokenizer") == "tokenizer"
    assert CATALOGUE.section("toy") == "toy"
    assert CATALOGUE.ranking("toy") is None


@pytest.mark.parametrize(
    ("stages", "systems", "told"),
    [
        ((OF_ONE, *SHARED), (A,), "'model_a' reads 'tokenizer'; declare that one before it"),
        ((*SHARED, SHARED[0]), (), "'clips' is declared twice"),
        (SHARED, (A,), "system 'a' ends in unknown stage 'model_a'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    stages: tuple[Stage, ...], systems: tuple[System, ...], told: str
) -> None:
    with pytest.raises(LampError, match=told):
        Catalogue(stages, systems)


def test_every_model_is_ranked_in_the_direction_in_which_runs_are_compared() -> None:
    for name in CATALOGUE.trained():
        ranking = CATALOGUE.ranking(name)
        while ranking is not None:
            assert direction_at(f"{name}/{ranking.metric}") == ranking.direction in {"higher", "lower"}
            ranking = ranking.rather


def test_what_no_direction_is_known_of_ranks_nothing() -> None:
    with pytest.raises(LampError, match="'val_charm' has no direction"):
        Ranking("val_charm")


def test_what_measures_a_system_is_told_by_its_name() -> None:
    """The library, which knows no catalogue, compares runs by it."""
    assert tuple(filter(is_evaluation, CATALOGUE.stages)) == CATALOGUE.evaluations()


def test_a_stage_is_measured_by_the_evaluation_that_reads_it() -> None:
    assert {
        name: CATALOGUE.evaluation_of(name) for name in ("t2m", "retrieval", "instruction", "toy", "")
    } == {
        "t2m": "evaluate",
        "retrieval": "evaluate",
        "instruction": "evaluate_motion_language",
        "toy": "evaluate",
        "": "evaluate",
    }
    assert CATALOGUE.evaluation_of("lexical_contrast") == "evaluate_lexical"
    assert CATALOGUE.evaluation_of("tokenizer_grid") == "evaluate_tokenizers"


def test_a_parameter_chooses_one_more_stage_to_read() -> None:
    project, config = find_project(), profile_config("smoke")
    asked = override(config, ["t2m.condition=lexical"])
    usual, lexical = (read_graph(project, each.model_dump(mode="json")) for each in (config, asked))
    assert "lexical_contrast" not in usual["t2m"].upstream
    assert len(usual["t2m"].deps) == len(set(usual["t2m"].deps))
    assert "lexical_contrast" in lexical["t2m"].needs
    assert not {"lexical_text", "lexical_contrast"} & set(usual.of_system("lamp"))
    assert {"lexical_text", "lexical_contrast"} <= set(lexical.of_system("lamp"))
    assert "lexical_bridge" in lexical.until("evaluate")
    with pytest.raises(LampError, match=r"t2m\.condition"):
        override(config, ["t2m.condition=lexicl"])


def test_lexical_code_is_an_input_of_text_to_motion_where_its_condition_is_lexical() -> None:
    project, config = find_project(), profile_config("smoke")
    for condition, reading in (("queries", set()), ("lexical", {"t2m", "residual", "evaluate"})):
        asked = override(config, [f"t2m.condition={condition}"])
        graph = read_graph(project, asked.model_dump(mode="json"))
        names = ("pretrain", "length", "t2m", "residual", "evaluate")
        assert {name for name in names if any("lexical/" in f"{dep}/" for dep in graph[name].deps)} == reading


def test_the_evaluator_is_read_by_what_is_validated_by_decoding() -> None:
    project, config = find_project(), profile_config("smoke")
    for validate_by, is_read in (("loss", False), ("decoding", True)):
        asked = override(config, [f"t2m.validate_by={validate_by}"])
        graph = read_graph(project, asked.model_dump(mode="json"))
        assert ("evaluator" in graph["t2m"].upstream) is is_read
        assert ("lamp_core" in graph["t2m"].deps) is is_read
        assert len(graph["t2m"].deps) == len(set(graph["t2m"].deps))


def test_a_residual_tokenizer_asks_for_the_stage_that_fills_its_layers() -> None:
    project, config = find_project(), override(profile_config("smoke"), ["tokenizer.kind=vqvae"])
    asked = override(config, ["tokenizer.kind=rvq"])
    usual, residual = (read_graph(project, each.model_dump(mode="json")) for each in (config, asked))
    assert "residual" not in usual.of_system("lamp")
    assert "residual" in residual.of_system("lamp")
    assert "residual" in residual["evaluate"].upstream
    assert "residual" not in residual.of_system("motion-language")
    assert len(usual["evaluate"].deps) == len(set(usual["evaluate"].deps))
