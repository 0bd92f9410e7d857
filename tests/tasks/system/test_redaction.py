from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.mlflow.tracking import Tracking
from tasks.stage.outcome import Outcome
from tasks.system.redaction import masked
from tests.toy import Toy

LETTERS = st.characters(categories=("L", "N"), include_characters="!$%+-_.~")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:hunter22@host:5000/x", "http://ann:***@host:5000/x"),
        ("postgresql+psycopg2://ann:p:w@rd@db/mlflow", "postgresql+psycopg2://ann:***@db/mlflow"),
        ("https://ghp_abcdef@github.com/a/b", "https://***@github.com/a/b"),
        ("ssh://git@host/a, s3://bucket/key@v1", "ssh://git@host/a, s3://bucket/key@v1"),
        ("azure://c?sv=1&sig=abc%2F==&se=2", "azure://c?sv=1&sig=***&se=2"),
        ("AccountName=a;AccountKey=abc==;X=1", "AccountName=a;AccountKey=***;X=1"),
        ("    secret_access_key = wJalrXUtnFEMI", "    secret_access_key = ***"),
        ("{'password': 'hunter22'}", "{'password': '***'}"),
        ("Authorization: Basic YWRtaW46aHVudGVyMg==", "Authorization: Basic ***"),
        ("token=abcdef, tokens 512, token: a unit", "token=***, tokens 512, token: a unit"),
        ("sqlite:////home/a/mlflow.db", "sqlite:////home/a/mlflow.db"),
        ("loss 0.25 at step 7: 12:30:01 key=value", "loss 0.25 at step 7: 12:30:01 key=value"),
    ],
)
def test_secrets_are_hidden_and_the_rest_stays(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(
    st.sampled_from(["http", "https", "postgresql", "ssh", "webdavs"]),
    st.text(LETTERS, max_size=8),
    st.text(LETTERS, min_size=1, max_size=12),
)
def test_no_password_of_an_address_is_left(scheme: str, user: str, secret: str) -> None:
    shown = masked(f"cannot reach {scheme}://{user}:{secret}@host/path: refused")
    assert shown == f"cannot reach {scheme}://{user}:***@host/path: refused"


@pytest.mark.parametrize(
    "variable", ["MLFLOW_TRACKING_PASSWORD", "PREFECT_API_AUTH_STRING", "AWS_SECRET_ACCESS_KEY", "HF_TOKEN"]
)
def test_secrets_of_the_environment_are_hidden_wherever_they_stand(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "correct horse")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://ann:battery-staple@host")
    assert masked("refused 'correct horse', 'battery-staple'") == "refused '***', '***'"


def test_credentials_of_a_dvc_remote_are_hidden(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config.local").write_text("['remote \"store\"']\n    password = correct-horse\n")
    assert masked("ERROR: correct-horse is wrong", tmp_path) == "ERROR: *** is wrong"


def test_how_a_stage_failed_holds_no_secret() -> None:
    outcome = Outcome("failed", 1.0, error="s3://a:hunter22@b refused", log="password = hunter22\nend")
    assert (outcome.error, outcome.log) == ("s3://a:***@b refused", "password = ***\nend")


def test_what_mlflow_keeps_holds_no_secret(toy: Toy) -> None:
    tracking = Tracking(toy.project)
    run = tracking.start("a", {"source": "http://ann:hunter22@host"}, {"p": "https://ann:hunter22@host"})
    tracking.tag(run, {"note": "password=hunter22"})
    data = tracking.client.get_run(run).data
    assert data.params == {"p": "https://ann:***@host"}
    assert (data.tags["source"], data.tags["note"]) == ("http://ann:***@host", "password=***")
