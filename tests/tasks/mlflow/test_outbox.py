"""Entries that wait for a server: kept in order, sent once, none lost."""

from pathlib import Path

from tasks.mlflow.outbox import Outbox


def read(outbox: Outbox) -> list[str]:
    with outbox.sending() as waiting:
        assert waiting is not None
        return [entry["run"] for entry in waiting]


def fill(outbox: Outbox, *runs: str) -> None:
    for run in runs:
        outbox.append({"do": "tag", "run": run})


def test_entries_wait_in_order_until_they_are_taken(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox")
    assert outbox.is_empty
    fill(outbox, "a", "b", "c")
    assert not outbox.is_empty
    with outbox.sending() as waiting:
        assert waiting is not None
        waiting.pop(0)
        fill(outbox, "d")  # another process goes on meanwhile
        with outbox.sending() as second:
            assert second is None
    assert read(outbox) == ["b", "c", "d"]


def test_a_sender_that_fails_takes_only_what_it_has_sent(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    fill(outbox, "a", "b")
    try:
        with outbox.sending() as waiting:
            assert waiting is not None
            waiting.pop(0)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    assert read(outbox) == ["b"]


def test_others_see_whether_somebody_sends(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    assert not outbox.is_attended
    with outbox.attended(), Outbox(tmp_path).attended():  # two stages of a run
        assert outbox.is_attended
    assert not outbox.is_attended


def test_half_a_line_of_a_crash_costs_that_line_alone(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    fill(outbox, "a", "b")
    whole = (tmp_path / "entries.jsonl").read_bytes()
    (tmp_path / "entries.jsonl").write_bytes(whole[:-5])
    fill(outbox, "c")
    assert read(outbox) == ["a", "", "c"]


def test_a_kept_file_stays_what_it_was(tmp_path: Path) -> None:
    outbox, file = Outbox(tmp_path / "outbox"), tmp_path / "weights"
    file.write_text("first")
    kept = outbox.keep_file(file)
    file.unlink()
    file.write_text("second")
    assert (kept.name, kept.read_text()) == ("weights", "first")
    outbox.forget_file(kept)
    assert not kept.parent.exists()


def test_ids_of_the_server_are_remembered(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)
    assert outbox.ids() == {}
    outbox.note_id("ours", "theirs")
    assert Outbox(tmp_path).ids() == {"ours": "theirs"}
