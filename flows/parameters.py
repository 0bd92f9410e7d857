"""The parameters of the workspace: ``params.yaml``, and how the flags of ``lamp run`` change it."""

from collections.abc import Sequence

from lamp_core.config import Config, load_params, override, profile_config
from lamp_core.errors import LampError
from lamp_core.skeleton.skeleton import load_skeleton
from tasks.project import Project
from tasks.stated_folders import STATED_FOLDERS

EMBEDDED = "procedural"


def present_params(project: Project, profile: str | None) -> Config | None:
    """The parameters of the workspace; None when a profile is to give the first ones."""
    return load_params(project.params_file) if profile is None or project.params_file.exists() else None


def configured(
    project: Project,
    present: Config | None = None,
    *,
    data: str | None = None,
    profile: str | None = None,
    assignments: Sequence[str] = (),
) -> Config:
    """The parameters as the flags change them, checked; nothing is written.

    A profile replaces all parameters but the data set and its skeleton; ``data`` chooses the data set and
    takes the skeleton that its source states; assignments come last.

    Args:
        project: the project.
        present: the parameters of before; those of the workspace by default.
        data: a registered data set.
        profile: a profile's name.
        assignments: ``section.parameter=value`` each.

    Raises:
        LampError: an unknown profile, parameter, data set or skeleton, or a wrong value.
    """
    present = present or present_params(project, profile)
    config = present if profile is None else profile_config(profile)
    assert config is not None
    if data is not None:
        skeleton = _source_skeleton(project, data)
        config = _with_ingest(config, data=data, **({"skeleton": skeleton} if skeleton else {}))
    elif present is not None:
        config = _with_ingest(config, data=present.ingest.data, skeleton=present.ingest.skeleton)
    config = override(config, assignments)
    for stated in STATED_FOLDERS:
        config = stated.noted(project.root, config)
    _check(project, config)
    return config


def look_at_source(project: Project, config: Config) -> None:
    """Note in ``data/sources/NAME.yaml`` whether the files of the data set changed, so that DVC sees it."""
    if config.ingest.data != EMBEDDED:
        from lamp_core.datasets.registry import refresh_fingerprint

        refresh_fingerprint(project.data, config.ingest.data)


def _check(project: Project, config: Config) -> None:
    """Raise for a data set or a skeleton that is not there."""
    load_skeleton(config.ingest.skeleton)
    stated = _source_skeleton(project, config.ingest.data)
    if stated not in {None, config.ingest.skeleton}:
        raise LampError(
            f"data set '{config.ingest.data}' has the skeleton {stated}, not {config.ingest.skeleton}; "
            f"use --set ingest.skeleton={stated}"
        )


def _source_skeleton(project: Project, name: str) -> str | None:
    """The only skeleton that a registered data set can give; None when it can give any."""
    from lamp_core.datasets.registry import load_source

    return load_source(project.data, name).skeleton


def _with_ingest(config: Config, **values: str) -> Config:
    return config.model_copy(update={"ingest": config.ingest.model_copy(update=values)})
