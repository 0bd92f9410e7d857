"""Work on many things in other processes: results in order, and only those in memory that are worked on.

Without a cluster the processes are this machine's; with the address of a Dask scheduler they are the
scheduler's workers, which need this package and the same files under the same paths.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import islice
from multiprocessing import active_children, get_context, parent_process
from threading import Thread
from typing import Any, Protocol, TypeVar

from lamp_core.errors import LampError
from lamp_core.numpy_threads import use_one_thread

Thing = TypeVar("Thing")
Outcome = TypeVar("Outcome")
WAITING_A_WORKER = 3
"""Tasks a worker that are sent before the first of them is back: one is worked on, the others wait."""
SECONDS_TO_CONNECT = 20


class _Future(Protocol):
    def result(self) -> Any: ...


Submit = Callable[[Callable[[list[Any]], list[Any]], list[Any]], _Future]


def in_order(
    work: Callable[[Thing], Outcome],
    things: Iterable[Thing],
    *,
    processes: int,
    things_a_task: int = 1,
    cluster: str | None = None,
) -> Iterator[Outcome]:
    """Yield the outcome of every thing, in the order of the things.

    Memory holds the things and outcomes of `WAITING_A_WORKER` tasks a worker, however many things there are.

    Args:
        work: what is done to a thing; picklable.
        things: read as they are needed; picklable.
        processes: of this machine; below 2 the work is done in this one. A cluster has its own.
        things_a_task: sent to a process together.
        cluster: address of a Dask scheduler (``tcp://host:8786``).

    Raises:
        LampError: the cluster cannot be reached or has no workers, or a process died.
    """
    if cluster is None and processes < 2:
        yield from map(work, things)
        return
    pool = _dask_workers(cluster) if cluster is not None else _local_processes(processes)
    iterator = iter(things)
    with pool as (submit, count):
        running: deque[_Future] = deque()
        while True:
            while len(running) < count * WAITING_A_WORKER and (task := list(islice(iterator, things_a_task))):
                running.append(submit(partial(_work_on_all, work), task))
            if not running:
                return
            yield from running.popleft().result()


@contextmanager
def beside(work: Callable[[Thing], Outcome], thing: Thing) -> Iterator[Callable[[], Outcome]]:
    """Work on one thing in another process while the block runs, which gets what waits for the outcome.

    The other process ends with a block that fails.

    Args:
        work: what is done to the thing; picklable.
        thing: picklable.

    Raises:
        LampError: the process died.
    """
    with _local_processes(1) as (submit, _):
        future = submit(partial(_work_on_all, work), [thing])
        try:
            yield lambda: future.result()[0]
        except BaseException:
            for process in active_children():
                process.terminate()
            raise


def _work_on_all(work: Callable[[Thing], Outcome], things: list[Thing]) -> list[Outcome]:
    return [work(thing) for thing in things]


@contextmanager
def _local_processes(count: int) -> Iterator[tuple[Submit, int]]:
    # Spawned, not forked: the threads of the parent's libraries do not survive a fork.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_start)
    try:
        yield pool.submit, count
    except BrokenProcessPool as error:
        raise LampError(
            "a process that works on clips died, mostly for want of memory; use fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start() -> None:
    """What a process does first.

    One process a core, so each keeps to one thread (read by torch and NumPy when a job imports them). A
    parent that is killed closes no pool, and its processes would wait for work forever.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    use_one_thread()
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _dask_workers(address: str) -> Iterator[tuple[Submit, int]]:
    try:
        from distributed import Client, KilledWorker
        from distributed.comm.core import CommClosedError
    except ImportError as error:
        raise LampError(f"the cluster {address} needs Dask: pip install 'lamp-motion[cluster]'") from error
    try:
        client: Any = Client(  # type: ignore[no-untyped-call]
            address, timeout=SECONDS_TO_CONNECT, set_as_default=False
        )
    except (OSError, ValueError, TimeoutError) as error:
        raise LampError(f"no Dask scheduler answers at {address}: {error}") from error
    with client:
        threads = sum(client.nthreads().values())
        if not threads:
            raise LampError(
                f"the Dask scheduler {address} has no workers; `dask worker {address}` starts one"
            )
        try:
            # Not pure: equal things are worked on again, and no result is kept for a later call.
            yield partial(client.submit, pure=False), threads
        except (KilledWorker, CommClosedError, TimeoutError) as error:
            raise LampError(f"the cluster {address} lost a task: {error}") from error
