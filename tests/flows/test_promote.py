"""The registry's commands: what they show, move and write, and what they refuse."""

from pathlib import Path

import pytest

from flows.commands.promote import fetch, promote
from lamp_core.errors import LampError
from tests.tasks.mlflow.test_registry import train
from tests.toy import Toy


def test_versions_are_listed_with_metric_data_and_aliases(
    toy: Toy, capsys: pytest.CaptureFixture[str]
) -> None:
    train(toy, "w1", 0.75)
    train(toy, "w2", 0.5)
    promote("evaluator", "2")
    assert "models:/lamp-evaluator@production is version 2" in capsys.readouterr().out
    promote(shown=True)
    lines = capsys.readouterr().out.splitlines()
    newest, oldest = (next(line for line in lines if line.startswith(f" {version} ")) for version in (2, 1))
    assert newest.split()[1:6] == ["latest", "production", "val_r_precision_3", "0.5", "walks"]
    assert oldest.split()[1:6] == ["best", "best-walks", "val_r_precision_3", "0.75", "walks"]


def test_a_model_is_written_to_a_folder(toy: Toy, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(toy, "w1", 0.75)
    fetch("evaluator", tmp_path / "models", "best")
    assert (tmp_path / "models" / "evaluator" / "model.safetensors").read_text() == "w1"
    assert "version 1, made on walks" in capsys.readouterr().out


def test_what_is_missing_is_asked_for(toy: Toy) -> None:
    with pytest.raises(LampError, match="no registered models yet"):
        promote(shown=True)
    with pytest.raises(LampError, match="give STAGE and RUN or VERSION, or --list"):
        promote("t2m")
    with pytest.raises(LampError, match="no registered model 't2m'; known: none"):
        fetch("t2m", Path("models"), "best")
    train(toy, "w1", 0.75)
    with pytest.raises(LampError, match="no registered model 't2m'; known: evaluator"):
        promote("t2m", shown=True)
