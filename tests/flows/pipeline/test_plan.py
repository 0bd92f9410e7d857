import pytest

from flows.pipeline.plan import chosen
from lamp_core.config import override, profile_config
from lamp_core.errors import LampError
from tasks.dvc.graph import Graph, Stage, read_graph
from tasks.project import find_project
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
    for beside in ({"until": "evaluate"}, {"system": "lamp"}):
        with pytest.raises(LampError, match="--only features runs that stage alone"):
            chosen(toy.graph, only="features", **beside)


def test_a_stage_that_the_catalogue_does_not_know_belongs_to_no_system() -> None:
    graph = Graph([Stage(name, "", (), (), (), ()) for name in ("ingest", "own")])
    assert chosen(graph) == ["ingest", "own"]
    assert chosen(graph, system="lamp") == ["ingest"]


def test_a_run_has_the_stages_that_its_parameters_choose() -> None:
    asked = {"t2m.condition=lexical": "lexical_contrast", "tokenizer.kind=rvq": "residual"}
    usual = override(profile_config("quick"), ["tokenizer.kind=vqvae"])
    for change, stage in asked.items():
        graphs = [
            read_graph(find_project(), config.model_dump(mode="json"))
            for config in (usual, override(usual, [change]))
        ]
        assert [stage in chosen(graph) for graph in graphs] == [False, True]
        assert stage in chosen(graphs[1], system="lamp")
    one_layer = override(usual, ["tokenizer.kind=rvq", "tokenizer.quantiser_layers=1"])
    assert "residual" not in chosen(read_graph(find_project(), one_layer.model_dump(mode="json")))
