import threading
from pathlib import Path

from lamp_core.io.locks import alone_in


def test_one_at_a_time_is_in_a_folder(tmp_path: Path) -> None:
    folder, inside, entered = tmp_path / "new" / "folder", [], threading.Event()

    def work() -> None:
        with alone_in(folder):
            inside.append("second")
            entered.set()

    second = threading.Thread(target=work)
    with alone_in(folder):
        second.start()
        assert not entered.wait(0.2)
        inside.append("first")
    second.join(10)
    assert inside == ["first", "second"]
