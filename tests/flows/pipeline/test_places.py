import threading
from collections.abc import Sequence

import pytest

from flows.pipeline import places as module
from flows.pipeline.places import Places

GRAPH: dict[str, list[str]] = {"first": [], "long": ["first"], "middle": ["first"], "short": ["first"]}


def run(places: Places, name: str, begun: list[str], goes_on: threading.Event) -> threading.Thread:
    def work() -> None:
        with places.taken(name):
            begun.append(name)
            goes_on.wait(10)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


def behind_the_first() -> Places:
    """One place, free, and all but the first stage ready to take it."""
    places = Places(1, list(GRAPH), GRAPH.__getitem__)
    with places.taken("first"):
        places.note_ready("first")
    return places


def ended(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def test_the_first_declared_gets_the_place_whoever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_FOR_A_STAGE_TO_COME", 60)
    places, begun, goes_on = behind_the_first(), [], threading.Event()
    goes_on.set()
    threads = [run(places, name, begun, goes_on) for name in ("short", "middle")]
    assert begun == []  # "long" may come as well, and has not
    threads.append(run(places, "long", begun, goes_on))
    ended(threads)
    assert begun == ["long", "middle", "short"]


def test_one_that_has_waited_long_lets_go_first_what_is_declared_earlier_and_comes_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "SECONDS_FOR_A_STAGE_TO_COME", 0.5)
    graph = {"first": [], "long": ["first"], "short": []}
    places, begun, goes_on = Places(1, list(graph), graph.__getitem__), [], threading.Event()
    goes_on.set()
    with places.taken("first"):
        threads = [run(places, "short", begun, goes_on)]
        threads[0].join(0.7)  # longer than a stage has to come
        places.note_ready("first")
    threads.append(run(places, "long", begun, goes_on))
    ended(threads)
    assert begun == ["long", "short"]


def test_a_stage_that_never_comes_keeps_no_other_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS_FOR_A_STAGE_TO_COME", 0.05)
    places, begun, goes_on = behind_the_first(), [], threading.Event()
    goes_on.set()
    ended([run(places, "short", begun, goes_on)])
    assert begun == ["short"]


def test_a_stage_whose_inputs_are_not_there_is_not_waited_for() -> None:
    graph = {"slow": [], "after": ["slow"], "other": []}
    places, begun, goes_on = Places(2, list(graph), graph.__getitem__), [], threading.Event()
    threads = [run(places, name, begun, goes_on) for name in ("other", "slow")]
    while len(begun) < 2:
        assert all(thread.is_alive() for thread in threads)
    goes_on.set()
    ended(threads)


def test_no_more_run_than_there_are_places() -> None:
    places, begun, goes_on = Places(2, list(GRAPH), GRAPH.__getitem__), [], threading.Event()
    with places.taken("first"):
        places.note_ready("first")
    threads = [run(places, name, begun, goes_on) for name in ("long", "middle", "short")]
    while len(begun) < 2:
        assert all(thread.is_alive() for thread in threads)
    assert set(begun) == {"long", "middle"}
    goes_on.set()
    ended(threads)
    assert begun[2] == "short"
