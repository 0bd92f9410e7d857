"""The export buttons: a motion of the page in every form that `lamp export` writes."""

import secrets
from pathlib import Path

from lamp_core.errors import LampError, RejectedClip
from lamp_core.exports.kinds import check_ending, endings, save_motion
from lamp_core.page.workshop import Workshop


def export_endings() -> list[str]:
    """Endings that can be written on this machine, in the catalogue's order."""
    return [ending for ending in endings() if _can_write(ending)]


def _can_write(ending: str) -> bool:
    try:
        check_ending(f"motion{ending}")
    except LampError:
        return False
    return True


def export(workshop: Workshop, key: str, name: str) -> Path:
    """A file of a motion, for one answer, in the form that the ending says; LampError as `save_motion`."""
    motion = workshop.shelf.get(key)
    path = workshop.shelf.folder / "exports" / f"{secrets.token_hex(8)}{Path(name).suffix.lower()}"
    try:
        save_motion(path, motion.joints_TJ3, motion.skeleton, motion.rate, motion.caption or motion.title)
    except RejectedClip as rejected:
        raise LampError(f"{motion.title} cannot be written: {rejected}") from rejected
    return path
