"""Work for other processes, which import this module and nothing heavy with it."""

import os
import time
from pathlib import Path

from lamp_core.errors import RejectedClip


def square(thing: int) -> tuple[int, int]:
    return thing * thing, os.getpid()


def die(thing: int) -> int:
    os._exit(1)


def reject(thing: int) -> int:
    raise RejectedClip("bad", f"thing {thing}")


def never_end(folder: Path) -> None:
    """Say that it is at work, and go on."""
    (folder / str(os.getpid())).touch()
    time.sleep(600)
