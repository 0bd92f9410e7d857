"""A run's name says in what it differs from its profile."""

from flows.run_names import run_name
from lamp_core.config import override, profile_config


def test_a_run_is_called_by_what_differs() -> None:
    smoke = profile_config("smoke")
    assert run_name(smoke) == "procedural-smoke"
    changed = override(smoke, ["features.std_root_divisor=25", "pretrain.queries=3"])
    assert run_name(changed) == "procedural-smoke features.std_root_divisor=25 pretrain.queries=3"
    other = changed.model_copy(update={"ingest": changed.ingest.model_copy(update={"data": "walks"})})
    assert run_name(other) == "walks-smoke features.std_root_divisor=25 pretrain.queries=3"
    many = override(changed, ["t2m.sampling_steps=3", "evaluate.repeats=7"])
    assert run_name(many).endswith(" +1")
    assert run_name(smoke.model_copy(update={"profile": "my own"})) == "procedural-my own"
