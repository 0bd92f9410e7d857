"""What a run is called: its data set and profile, and the parameters in which it differs from the profile."""

from lamp_core.config import Config, profile_config
from lamp_core.errors import LampError
from tasks.mlflow.tracking import flatten

SHOWN = 3
OF_THE_DATA = ("profile", "ingest.data", "ingest.skeleton")
"""What the name says by itself, or what the data set decides."""
HASH = "_hash"
"""Ends a parameter that follows from another one."""


def run_name(config: Config) -> str:
    """``procedural-quick``, or ``procedural-quick tokenizer.codes=512`` where a parameter is another one."""
    name = f"{config.ingest.data}-{config.profile}"
    differing = differences_from_profile(config)
    more = f" +{len(differing) - SHOWN}" if len(differing) > SHOWN else ""
    return " ".join([name, *differing[:SHOWN]]) + more


def differences_from_profile(config: Config) -> list[str]:
    """``a.b=c`` for every parameter that is not as the run's profile has it; none for an unknown profile."""
    try:
        profile = profile_config(config.profile)
    except LampError:
        return []
    usual = flatten(profile.model_dump(mode="json"))
    return [
        f"{name}={value:g}" if isinstance(value, float) else f"{name}={value}"
        for name, value in flatten(config.model_dump(mode="json")).items()
        if name not in OF_THE_DATA and not name.endswith(HASH) and usual.get(name) != value
    ]
