import pytest
import yaml

from lamp_core.errors import LampError
from tasks.dvc.graph import read_graph
from tests.toy import Toy


def test_stages_come_in_the_order_of_the_file_with_what_they_need(toy: Toy) -> None:
    upstream = {name: stage.upstream for name, stage in toy.graph.items()}
    assert list(upstream) == ["ingest", "features", "evaluator", "evaluate"]
    assert upstream["evaluate"] == ("features", "evaluator")
    assert upstream["ingest"] == ()


def test_references_to_parameters_are_filled_in(toy: Toy) -> None:
    assert "data/sources/procedural.yaml" in toy.graph["ingest"].deps


def test_until_and_after_follow_the_edges(toy: Toy) -> None:
    assert toy.graph.until("features") == ["ingest", "features"]
    assert toy.graph.after("features") == ["evaluate"]
    assert toy.graph.after("ingest") == ["features", "evaluator", "evaluate"]


def test_an_unknown_stage_is_named_with_the_known_ones(toy: Toy) -> None:
    with pytest.raises(LampError, match="unknown stage 'feature'; known: ingest, features"):
        toy.graph.require("feature")


def test_a_stage_before_the_one_it_reads_is_refused(toy: Toy) -> None:
    stages = yaml.safe_load(toy.project.graph_file.read_text())["stages"]
    swapped = {name: stages[name] for name in ("features", "ingest")}
    toy.project.graph_file.write_text(yaml.safe_dump({"stages": swapped}, sort_keys=False))
    with pytest.raises(LampError, match="'features' reads what 'ingest' writes"):
        read_graph(toy.project)
