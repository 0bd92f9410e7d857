"""Prefect's server gone in mid-run: what the stages have made stands, and the run ends with a line."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from flows.pipeline.run_records import read_records, write_record
from tasks.project import Project


@contextmanager
def outlived(project: Project, run_id: str, is_over: Callable[[], bool]) -> Iterator[None]:
    """Let a run end well whose stages have all ended, when Prefect's server is away at that moment.

    Its flow run is closed by the next run that reaches the server.

    Args:
        project: the project.
        run_id: MLflow run of the pipeline.
        is_over: whether no stage waits or runs.
    """
    try:
        yield
    except Exception as error:
        if not is_of_the_server(error) or not is_over():
            raise
        gone = f"Prefect's server is gone ({type(error).__name__})"
        line = f"warning: {gone}; what the stages made stands, and the next run closes the flow run"
        print(line, file=sys.stderr, flush=True)
        for record in read_records(project):
            if record.run_id == run_id:
                write_record(project, replace(record, is_open=True))


def is_of_the_server(error: BaseException | None) -> bool:
    """Whether an error, or what caused it, says that Prefect's server was not reached or failed."""
    from httpx import HTTPError
    from prefect.exceptions import PrefectException

    while error is not None:
        if isinstance(error, HTTPError | PrefectException | ConnectionError):
            return True
        error = error.__cause__ or error.__context__
    return False
