"""DVC's settings of a project, read as DVC reads them."""

from configobj import ConfigObj, ConfigObjError

from lamp_core.errors import LampError
from tasks.project import Project

FILES = ("config", "config.local")
"""In DVC's folder; what the second says stands before the first."""


def read_config(project: Project) -> ConfigObj:
    """The settings by section, a remote's in ``remote "NAME"``; LampError where a file holds none."""
    merged = ConfigObj(encoding="utf-8")
    for name in FILES:
        path = project.root / ".dvc" / name
        try:
            merged.merge(ConfigObj(str(path), encoding="utf-8"))
        except (ConfigObjError, UnicodeDecodeError) as error:
            raise LampError(f"{path} cannot be read as DVC's settings: {error}") from error
    return merged


def default_remote(project: Project) -> str:
    """Name of the default remote; empty without one."""
    return str(read_config(project).get("core", {}).get("remote", ""))
