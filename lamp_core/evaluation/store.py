"""The results of all systems in one place: a folder a system, each with its ``results.parquet``.

What every stage ``evaluate`` measured stands below one folder, so that one table compares systems on the same
clips, evaluator and protocol.
"""

from dataclasses import replace
from pathlib import Path

from lamp_core.evaluation.results import Origin, Result, read_origins, read_results

RESULTS_FILE = "results.parquet"


def measured_systems(store: Path) -> dict[str, Path]:
    """The folder of every system that was measured, by the system's name, sorted."""
    if not store.is_dir():
        return {}
    return {folder.name: folder for folder in sorted(store.iterdir()) if (folder / RESULTS_FILE).is_file()}


def origins_of(store: Path) -> dict[str, Origin]:
    """What every system was measured on, by the system's name.

    Raises:
        LampError: a file does not have its schema.
    """
    found = {name: read_origins(folder / RESULTS_FILE) for name, folder in measured_systems(store).items()}
    return {name: origins[0] for name, origins in found.items() if origins}


def systems_of_data(store: Path, data_version: str) -> dict[str, Path]:
    """The folder of every system that was measured on one version of the data, as `measured_systems`.

    Raises:
        LampError: a file does not have its schema.
    """
    return {
        name: folder
        for name, folder in measured_systems(store).items()
        if any(origin.data_version == data_version for origin in read_origins(folder / RESULTS_FILE))
    }


def read_store(store: Path, data_version: str) -> list[Result]:
    """The results of all systems on one version of the data, each row once.

    Floors and ceilings (ground truth, chance) come out the same for every system that is measured on the same
    clips, and stand there once. Where they differ, as untrained models do, those of the second system are
    named with it: ``untrained (NAME)``.

    Args:
        store: the folder.
        data_version: results of other versions are left out: they do not compare.

    Raises:
        LampError: a file does not have its schema.
    """
    found: dict[tuple[str, str, str, str], Result] = {}
    for name, folder in measured_systems(store).items():
        path = folder / RESULTS_FILE
        for result, origin in zip(read_results(path), read_origins(path), strict=True):
            if origin.data_version != data_version:
                continue
            known = found.get(_key(result))
            if known is not None and not _is_same(known, result):
                result = replace(result, system=f"{result.system} ({name})")
            found.setdefault(_key(result), result)
    return list(found.values())


def _key(result: Result) -> tuple[str, str, str, str]:
    return result.system, result.metric, result.protocol, result.evaluator


def _is_same(one: Result, other: Result) -> bool:
    """Whether two rows say the same; a number that could not be measured is one that could not."""
    return repr(one.value) == repr(other.value) and one.items == other.items
