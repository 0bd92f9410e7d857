"""A project folder that was moved or renamed: MLflow's store names its files by their whole path."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

PLACES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Columns of MLflow's tables that hold such a path."""


def follow_move(store: Path, experiment: str, artifacts: Path) -> Path | None:
    """Let a SQLite store name its files where they lie now; return where it thought them, if it was wrong.

    Nothing is changed while the old folder is there: a copy of a project keeps its files apart by itself, and
    whoever wants the old ones still has them.

    Args:
        store: the SQLite file; it need not exist.
        experiment: by whose location a move is noticed.
        artifacts: the folder of the files.
    """
    if not store.exists():
        return None
    with closing(sqlite3.connect(store)) as database, database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if "experiments" not in tables:
            return None
        wanted = "SELECT artifact_location FROM experiments WHERE name = ?"
        old = next((text for (text,) in database.execute(wanted, (experiment,))), None)
        new = artifacts.as_uri()
        if old in {None, new} or urlsplit(old).scheme != "file":
            return None
        before = Path(url2pathname(urlsplit(old).path))
        if before.exists():
            return None
        for table, column in PLACES:
            if table in tables:
                _replace(database, table, column, old, new)
        return before


def _replace(database: sqlite3.Connection, table: str, column: str, old: str, new: str) -> None:
    """Exchange the beginning of every path below ``old``."""
    known = {row[1] for row in database.execute(f"PRAGMA table_info({table})")}
    if column in known:
        below = f"{column} = ? OR substr({column}, 1, ?) = ?"
        database.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {below}",
            (new, len(old) + 1, old, len(old) + 1, f"{old}/"),
        )
