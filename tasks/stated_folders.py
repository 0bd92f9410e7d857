"""Folders that parameters name: neither in git nor written by a stage, so that another machine has none.

What lies in one decides what a stage computes; a parameter beside its name notes its content, for DVC to see.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lamp_core.config import Config
from lamp_core.errors import LampError
from tasks.dvc.content import folder_hash


def _hash_of_shards(folder: Path) -> str:
    from lamp_core.tokens.shards import ShardSet

    return ShardSet.open(folder).content_hash


@dataclass(frozen=True)
class StatedFolders:
    """A parameter that names a folder, or several.

    Args:
        section: of the parameters.
        field: of the section; its content is noted in the field ``FIELD_hash``.
        content: hash of what is in a folder.
        remedy: what makes the folder, with its name in the place of ``{folder}``.
    """

    section: str
    field: str
    content: Callable[[Path], str] = folder_hash
    remedy: str = ""

    @property
    def name(self) -> str:
        """As it is written for ``--set``."""
        return f"{self.section}.{self.field}"

    def of(self, config: Config) -> list[str]:
        """The folders that the parameter names."""
        stated = getattr(getattr(config, self.section), self.field)
        return list(filter(None, [stated] if isinstance(stated, str) else stated))

    def noted(self, root: Path, config: Config) -> Config:
        """The parameters with the present content of these folders.

        Args:
            root: of the project, from which the folders are named.
            config: the parameters.

        Raises:
            LampError: a folder is not there, or what is in it cannot be read.
        """
        folders = self.of(config)
        for folder in folders:
            if not (root / folder).is_dir():
                remedy = f"; {self.remedy.format(folder=folder)}" if self.remedy else ""
                raise LampError(f"{self.name}: there is no folder {folder}{remedy}")
        content = " ".join(self.content(root / folder) for folder in folders)
        section = getattr(config, self.section).model_copy(update={f"{self.field}_hash": content})
        return config.model_copy(update={self.section: section})


STATED_FOLDERS = (
    StatedFolders("pretrain", "pretrained"),
    StatedFolders("language_model", "texts"),
    StatedFolders("lexical_text", "texts"),
    StatedFolders("large_motion", "shards", _hash_of_shards, "`lamp data shard {folder}` makes it"),
)


def stated_folders(config: Config, keys: Iterable[str] | None = None) -> dict[str, list[str]]:
    """The folders that parameters name, by the parameter.

    Args:
        config: the parameters.
        keys: of the parameters that are looked at, whole sections too, as those of a stage; all without.
    """
    kept = None if keys is None else set(keys)
    asked = [each for each in STATED_FOLDERS if kept is None or {each.section, each.name} & kept]
    return {each.name: folders for each in asked if (folders := each.of(config))}
