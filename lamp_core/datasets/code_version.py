"""The version of the code that makes clips and features, for the caches of what it made."""

import hashlib
from functools import cache
from pathlib import Path

import lamp_core.datasets
import lamp_core.features
import lamp_core.skeleton

PACKAGES = (lamp_core.datasets, lamp_core.features, lamp_core.skeleton)


@cache
def code_version() -> str:
    """Hash of that code and its tables, so that nothing of other code's is taken for its own."""
    hashed = hashlib.sha256()
    for package in PACKAGES:
        for root in map(Path, package.__path__):
            for path in sorted(file for file in root.rglob("*") if file.is_file()):
                if "__pycache__" not in path.parts:
                    hashed.update(path.relative_to(root).as_posix().encode() + b"\0")
                    hashed.update(hashlib.sha256(path.read_bytes()).digest())
    return hashed.hexdigest()
