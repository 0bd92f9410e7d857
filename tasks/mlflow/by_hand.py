"""A stage that DVC alone started (`dvc repro`, `dvc exp run`): no flow links its run and its model."""

import hashlib
import json
import os
from collections.abc import Mapping
from operator import itemgetter
from pathlib import Path

from tasks.dvc.graph import read_graph
from tasks.dvc.versions import Versions
from tasks.mlflow.registry import lineage_of
from tasks.mlflow.tracking import Tracking

DVC_EXPERIMENT = "DVC_EXP_NAME"
"""Set by DVC for the stages of an experiment."""


def record_by_hand(
    tracking: Tracking, run_id: str, stage: str, output: Path, metrics: Mapping[str, float]
) -> None:
    """Note with a stage's run what it wrote, by the hash under which DVC will, and register its model.

    Args:
        tracking: the store.
        run_id: of the stage's run.
        stage: that has ended.
        output: its folder.
        metrics: that it returned.
    """
    written = dvc_hash(output)
    versions = Versions(tracking.project, read_graph(tracking.project))
    lineage = {**lineage_of(versions, stage, metrics), "weights": written, "lock_hash": ""}
    tags = {"output_hash": written, "data_version": lineage["data_version"]}
    if name := os.environ.get(DVC_EXPERIMENT):
        tags["dvc_experiment"] = name
    tracking.tag(run_id, tags)
    tracking.register(run_id, stage, lineage)


def dvc_hash(folder: Path) -> str:
    """The hash by which DVC names a folder: that of the list of its files with theirs."""
    listed = [
        {"md5": _md5(file), "relpath": file.relative_to(folder).as_posix()}
        for file in folder.rglob("*")
        if file.is_file()
    ]
    text = json.dumps(sorted(listed, key=itemgetter("relpath")), sort_keys=True)
    return f"{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.dir"


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
