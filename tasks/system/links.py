"""Files and folders in a second place, whose content is not copied where the file system allows it."""

import errno
import os
import shutil
from pathlib import Path

SMALL_BYTES = 1 << 20
"""Below this a copy costs no more than a link, and a change of one in place does not change the other."""
LINKS_OFF = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


def link(source: Path, target: Path, *, copied_below: int = 0) -> None:
    """Give a file, or every file of a folder, a second name; what stands there already stays.

    Args:
        source: file or folder.
        target: its second place.
        copied_below: smaller files are copied, in bytes.
    """
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for entry in source.iterdir():
            if not entry.name.endswith(".pyc") and ".tmp-" not in entry.name:
                link(entry, target / entry.name, copied_below=copied_below)
    elif not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.stat().st_size < copied_below or not _linked(source, target):
            shutil.copy2(source, target)


def _linked(source: Path, target: Path) -> bool:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in LINKS_OFF:
            raise
        return False
    return True
