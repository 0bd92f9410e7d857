"""Processes that end by themselves when the one they work for is gone, killed by -9 too.

A process gives its mark to those it starts in ``LAMP_FLOW_PID`` (`lifeline_environment`); each of them looks
whether it still lives (`end_with_parent`). ``python -m tasks.system.orphans MODULE ...`` runs any module so.
"""

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from tasks.system.processes import ProcessMark, this_process
from tasks.system.waiting import wait_until

FLOW_PROCESS = "LAMP_FLOW_PID"
GRACE = "LAMP_LIFELINE_GRACE"
WHOLE_GROUP = "LAMP_LIFELINE_GROUP"
SECONDS_TO_END = 60.0
"""For a checkpoint and for closing the MLflow run, before the process is ended the hard way."""


def lifeline_environment(*, grace: float = 0.0, whole_group: bool = False) -> dict[str, str]:
    """Environment of a process that is to end with this one.

    Args:
        grace: seconds that the next process has to end by itself before it is told to; those that it starts
            in turn have none.
        whole_group: it ends with all of its process group: a server, whose workers do not look for
            themselves. It leads a group of its own then.
    """
    group = {WHOLE_GROUP: "1"} if whole_group else {}
    return {FLOW_PROCESS: str(this_process()), GRACE: str(grace), **group}


def also_end_with_this_process() -> None:
    """Let what this process starts end with it, beside those that it ends with itself; also after an exec."""
    above = os.environ.get(FLOW_PROCESS, "")
    os.environ[FLOW_PROCESS] = ",".join(part for part in (above, str(this_process())) if part)


def end_with_parent(environment: Mapping[str, str] = os.environ) -> None:
    """End this process by SIGTERM soon after one that ``LAMP_FLOW_PID`` names is gone.

    Does nothing where that variable is not set: a stage that is run by hand. The variable holds one mark or
    more, with commas between them; a mark is the number of a process alone, or what `ProcessMark` writes.
    """
    marks = [
        mark for text in environment.get(FLOW_PROCESS, "").split(",") if (mark := ProcessMark.read(text))
    ]
    if marks:
        grace = float(environment.get(GRACE) or 0.0)
        group = bool(environment.get(WHOLE_GROUP))
        threading.Thread(target=_watch, args=(marks, grace, group), name="lifeline", daemon=True).start()


def _watch(marks: list[ProcessMark], grace: float, whole_group: bool) -> None:
    wait_until(lambda: not all(mark.is_alive for mark in marks))
    time.sleep(grace)
    gone = next(mark.pid for mark in marks if not mark.is_alive)
    with suppress(OSError):  # what it wrote to may be gone as well
        print(f"process {gone}, which started this one, is gone: ending", file=sys.stderr, flush=True)
    # a negative number is that of a group; one that this process does not lead is not its own to end
    told = -os.getpid() if whole_group and os.getpgrp() == os.getpid() else os.getpid()
    os.kill(told, signal.SIGTERM)
    time.sleep(SECONDS_TO_END)
    os.kill(told, signal.SIGKILL)


def main() -> None:
    """Run a module as ``python -m`` would, ending with the process that started it.

    What it starts in turn ends when either of the two is gone.
    """
    end_with_parent()
    also_end_with_this_process()
    for of_this_process in (GRACE, WHOLE_GROUP):
        os.environ.pop(of_this_process, None)
    module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
