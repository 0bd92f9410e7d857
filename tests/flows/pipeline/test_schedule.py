import pytest

from flows.pipeline.schedule import Schedule, chosen
from lamp_core.errors import LampError
from tests.toy import Toy


def make_schedule(toy: Toy, stale: set[str], changed: set[str] = frozenset()) -> Schedule:
    return Schedule(toy.graph, list(toy.graph), frozenset(stale), lambda name: name not in changed)


def test_nothing_stale_is_settled_at_once(toy: Toy) -> None:
    schedule = make_schedule(toy, set())
    assert schedule.settle() == list(toy.graph)
    assert schedule.is_over


def test_independent_stages_are_ready_together(toy: Toy) -> None:
    schedule = make_schedule(toy, {"features", "evaluator", "evaluate"})
    assert schedule.settle() == ["ingest"]
    assert schedule.ready() == ["features", "evaluator"]


def test_a_stage_whose_inputs_came_out_the_same_stays_fresh(toy: Toy) -> None:
    schedule = make_schedule(toy, {"features"})
    schedule.settle()
    assert schedule.states["evaluate"] == "waiting"
    schedule.states["features"] = "done"
    assert schedule.settle() == ["evaluate"]
    assert schedule.states["evaluate"] == "fresh"


def test_a_stage_whose_inputs_changed_runs(toy: Toy) -> None:
    schedule = make_schedule(toy, {"features"}, changed={"evaluate"})
    schedule.settle()
    schedule.states["features"] = "done"
    schedule.settle()
    assert schedule.ready() == ["evaluate"]


def test_a_failed_stage_stops_only_what_needs_it(toy: Toy) -> None:
    schedule = make_schedule(toy, {"features", "evaluator"})
    schedule.settle()
    schedule.states["features"] = "failed"
    assert schedule.settle() == ["evaluate"]
    assert schedule.states["evaluate"] == "blocked"
    assert schedule.ready() == ["evaluator"]
    assert not schedule.is_over


def test_stages_are_chosen_by_name(toy: Toy) -> None:
    assert chosen(toy.graph, "features", None) == ["features"]
    assert chosen(toy.graph, None, "features") == ["ingest", "features"]
    assert chosen(toy.graph, None, None) == list(toy.graph)
    with pytest.raises(LampError, match="unknown stage 'x'"):
        chosen(toy.graph, None, "x")
