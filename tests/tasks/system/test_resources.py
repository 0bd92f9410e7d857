import pytest
import torch

from lamp_core.errors import LampError
from tasks.system import resources


@pytest.mark.parametrize(("cores", "stages", "threads"), [(1, 1, 1), (2, 2, 1), (4, 2, 2), (16, 2, 8)])
def test_stages_share_the_cores(
    cores: int, stages: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resources, "cores", lambda: cores)
    monkeypatch.delenv("LAMP_THREADS", raising=False)
    assert (resources.stages_at_once(), resources.threads_of_a_stage()) == (stages, threads)


def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_STAGES_AT_ONCE", "3")
    monkeypatch.setenv("LAMP_THREADS", "5")
    assert (resources.stages_at_once(), resources.threads()) == (3, 5)


def test_processes_of_torchrun_share_cores_and_have_a_device_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "cores", lambda: 8)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("LAMP_DEVICE", "cuda")
    monkeypatch.delenv("LAMP_THREADS", raising=False)
    assert (resources.is_first_process(), resources.threads(), resources.device_name()) == (True, 8, "cuda")
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert (resources.is_first_process(), resources.threads(), resources.device_name()) == (
        False,
        2,
        "cuda:3",
    )
    monkeypatch.setenv("LAMP_THREADS", "6")  # of the stage, as the flow says
    assert resources.threads() == 1
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert resources.threads() == 3
    monkeypatch.setenv("LOCAL_RANK", "4")
    with pytest.raises(LampError, match="LAMP_DEVICE=cuda:4 is not here"):
        resources.device_name()


@pytest.mark.parametrize("text", ["0", "-1", "two"])
def test_a_count_that_is_none_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_THREADS", text)
    with pytest.raises(LampError, match=f"LAMP_THREADS={text} is no count"):
        resources.threads()


@pytest.mark.parametrize("name", ["gpu", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAMP_DEVICE", name)
    with pytest.raises(LampError, match=f"LAMP_DEVICE={name} is"):
        resources.device_name()
