import pytest

from flows.pipeline.plan import chosen
from lamp_core.errors import LampError
from tasks.dvc.graph import Graph, Stage
from tests.toy import Toy


def test_stages_are_chosen_by_name(toy: Toy) -> None:
    assert chosen(toy.graph, only="features") == ["features"]
    assert chosen(toy.graph, until="features") == ["ingest", "features"]
    assert chosen(toy.graph) == chosen(toy.graph, system="lamp") == list(toy.graph)
    assert chosen(toy.graph, system="all") == list(toy.graph)
    with pytest.raises(LampError, match="unknown stage 'x'"):
        chosen(toy.graph, until="x")
    with pytest.raises(LampError, match="unknown system 'x'; known: lamp"):
        chosen(toy.graph, system="x")


def test_a_stage_that_the_catalogue_does_not_know_belongs_to_no_system() -> None:
    graph = Graph([Stage(name, "", (), (), (), ()) for name in ("ingest", "own")])
    assert chosen(graph) == ["ingest", "own"]
    assert chosen(graph, system="lamp") == ["ingest"]
