"""The parameters of the workspace: ``params.yaml``, and how the flags of ``lamp run`` change it."""

from collections.abc import Sequence
from pathlib import Path

from lamp_core.config import Config, load_params, override, profile_config, save_params
from lamp_core.errors import LampError
from lamp_core.io.yaml_text import parse_yaml
from lamp_core.skeleton.skeleton import load_skeleton
from tasks.dvc.content import folder_hash
from tasks.project import Project

EMBEDDED = "procedural"
WITH_TEXTS = ("language_model", "lexical_text")
"""Sections that name folders of further texts."""


def configure(
    project: Project, *, data: str | None = None, profile: str | None = None, assignments: Sequence[str] = ()
) -> Config:
    """Change ``params.yaml`` as the flags say, check it, write it and return it.

    A profile replaces all parameters but the data set and its skeleton; ``data`` chooses the data set and
    takes the skeleton that its source states; assignments come last.

    Raises:
        LampError: an unknown profile, parameter, data set or skeleton, or a wrong value.
    """
    present = present_params(project, profile)
    config = configured(project, present, data=data, profile=profile, assignments=assignments)
    save_params(config, project.params_file)
    return config


def present_params(project: Project, profile: str | None) -> Config | None:
    """The parameters of the workspace; None when a profile is to give the first ones."""
    return load_params(project.params_file) if profile is None or project.params_file.exists() else None


def configured(
    project: Project,
    present: Config | None,
    *,
    data: str | None = None,
    profile: str | None = None,
    assignments: Sequence[str] = (),
) -> Config:
    """Return what `configure` would write over the present parameters, None when there are none yet.

    Raises:
        LampError: as `configure`.
    """
    config = present if profile is None else profile_config(profile)
    assert config is not None
    if data is not None:
        stated = _source_skeleton(project, data)
        config = _with_ingest(config, data=data, **({"skeleton": stated} if stated else {}))
    elif present is not None:
        config = _with_ingest(config, data=present.ingest.data, skeleton=present.ingest.skeleton)
    config = _look_at_pretrained(project, override(config, assignments))
    for section in WITH_TEXTS:
        config = _look_at_texts(project, config, section)
    config = _look_at_shards(project, config)
    _check(project, config)
    return config


def look_at_source(project: Project, config: Config) -> None:
    """Note in ``data/sources/NAME.yaml`` whether the files of the data set changed, so that DVC sees it."""
    if config.ingest.data != EMBEDDED:
        from lamp_core.datasets.registry import refresh_fingerprint

        refresh_fingerprint(project.data, config.ingest.data)


def _look_at_pretrained(project: Project, config: Config) -> Config:
    """Note the content of the LaMP that is taken from elsewhere, so that DVC sees when it changes."""
    folder = config.pretrain.pretrained
    if folder and not (project.root / folder).is_dir():
        raise LampError(f"pretrain.pretrained: there is no folder {folder}")
    content = folder_hash(project.root / folder) if folder else ""
    if content == config.pretrain.pretrained_hash:
        return config
    pretrain = config.pretrain.model_copy(update={"pretrained_hash": content})
    return config.model_copy(update={"pretrain": pretrain})


def _look_at_texts(project: Project, config: Config, section: str) -> Config:
    """Note the content of the further texts of a section, so that DVC sees when it changes."""
    settings = getattr(config, section)
    folders = [project.root / folder for folder in settings.texts]
    for folder, name in zip(folders, settings.texts, strict=True):
        if not folder.is_dir():
            raise LampError(f"{section}.texts: there is no folder {name}")
    content = " ".join(map(folder_hash, folders))
    if content == settings.texts_hash:
        return config
    return config.model_copy(update={section: settings.model_copy(update={"texts_hash": content})})


def _look_at_shards(project: Project, config: Config) -> Config:
    """Note the content of the shards that are trained on, so that DVC sees when it changes."""
    folder = config.large_motion.shards
    if folder and not (project.root / folder).is_dir():
        raise LampError(
            f"large_motion.shards: there is no folder {folder}; `lamp data shard {folder}` makes it"
        )
    if not folder and not config.large_motion.shards_hash:
        return config
    content = _hash_of_shards(project.root / folder) if folder else ""
    noted = config.large_motion.model_copy(update={"shards_hash": content})
    return config.model_copy(update={"large_motion": noted})


def _hash_of_shards(folder: Path) -> str:
    from lamp_core.tokens.shards import ShardSet

    return ShardSet.open(folder).content_hash


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
    path = project.data / "sources" / f"{name}.yaml"
    if Path(name).name != name or not path.is_file():
        known = ", ".join(sorted(source.stem for source in path.parent.glob("*.yaml"))) or "none"
        raise LampError(f"unknown data set '{name}'; known: {known}; register one with `lamp import`")
    skeleton = (parse_yaml(path.read_text()) or {}).get("skeleton")
    return None if skeleton is None else str(skeleton)


def _with_ingest(config: Config, **values: str) -> Config:
    return config.model_copy(update={"ingest": config.ingest.model_copy(update=values)})
