"""Registered data sets: ``data/sources/NAME.yaml`` says what one is made of and the state of its files."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from lamp_core.datasets.clips import SPLITS
from lamp_core.datasets.sources import KINDS, Source
from lamp_core.datasets.sources.base import FileJob
from lamp_core.errors import LampError, RejectedClip
from lamp_core.io.parquet import atomic_path
from lamp_core.io.text import composed, read_text
from lamp_core.io.yaml_text import parse_yaml
from lamp_core.skeleton.skeleton import load_skeleton

SOURCES_FOLDER = "sources"
EMBEDDED = ("procedural", "procedural-hands")
"""Data sets that every project has: they are generated."""
PLACES = {"motions", "captions", "splits", "map", "body_model", "index", "manifest"}
"""Options that are a file or a folder."""
EXAMPLES = 3


@dataclass
class PassedOver:
    """Counts what of a source's files is no data, with the first of each kind."""

    count_of: Counter[str] = field(default_factory=Counter)
    examples_of: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, example: str) -> None:
        """Count one."""
        self.count_of[what] += 1
        examples = self.examples_of.setdefault(what, [])
        if len(examples) < EXAMPLES:
            examples.append(example)

    def lines(self) -> list[str]:
        """A line a kind: how many, and the first of them."""
        return [
            f"{count} {what} ({', '.join(self.examples_of[what])}{', ...' if count > EXAMPLES else ''})"
            for what, count in self.count_of.items()
        ]


@dataclass(frozen=True)
class SourceSummary:
    """What was found when a data set was registered.

    Args:
        path: the file that describes it.
        source: its content.
        clips: motions and names in the splits.
        captions: captions that parse, of all clips.
        skipped_captions: lines that are no caption.
        clips_of_split: clips by split.
        faults: clips that will be rejected, by reason, as far as captions and splits tell.
        first_faults: what is the matter with the first of them, by reason.
    """

    path: Path
    source: Source
    clips: int
    captions: int
    skipped_captions: int
    clips_of_split: dict[str, int]
    faults: dict[str, int]
    first_faults: dict[str, str] = field(default_factory=dict)


def register_source(data_folder: Path, name: str, kind: str, options: Mapping[str, Any]) -> SourceSummary:
    """Check a data set and write ``data/sources/NAME.yaml``, in place of an older one of this name.

    Args:
        data_folder: the project's data folder.
        name: lower-case letters, digits and hyphens.
        kind: how its clips are read; the pages in docs/sources say which options each kind has.
        options: fields of `Source`; folders become absolute.

    Raises:
        LampError: a bad name, kind or option, a missing or empty folder, an unknown joint map.
    """
    if name in EMBEDDED:
        raise LampError(f"{name!r} is an embedded data set; choose another name")
    source = _parse_source({"name": name, "kind": kind, **_absolute(options)}, f"data set {name!r}")
    if source.skeleton is not None:
        load_skeleton(source.skeleton)
    summary = summarise(KINDS[source.kind].complete(source), _source_path(data_folder, name))
    source = summary.source.model_copy(update={"fingerprint": fingerprint(summary.source)})
    _write_source(summary.path, source)
    return replace(summary, source=source)


def summarise(source: Source, path: Path) -> SourceSummary:
    """Count clips, captions and clips a split without reading any motion."""
    skeleton = load_skeleton(source.skeleton or KINDS[source.kind].usual_skeleton)
    splits: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    first_faults: dict[str, str] = {}
    clips = captions = skipped = 0
    passed_over = PassedOver()
    for job in KINDS[source.kind].clip_jobs(source, skeleton, passed_over.add):
        if not isinstance(job, FileJob):
            continue
        clips += 1
        try:
            splits[job.read_split()] += 1
            found, none = job.count_captions()
        except RejectedClip as rejected:
            faults[rejected.reason] += 1
            first_faults.setdefault(rejected.reason, rejected.detail)
            continue
        captions, skipped = captions + found, skipped + none
    source = source.model_copy(update={"remarks": (*source.remarks, *passed_over.lines())})
    clips_of_split: dict[str, int] = {split: splits[split] for split in SPLITS}
    return SourceSummary(path, source, clips, captions, skipped, clips_of_split, dict(faults), first_faults)


def load_source(data_folder: Path, name: str) -> Source:
    """Read ``data/sources/NAME.yaml``.

    Raises:
        LampError: an unknown name (the message lists the known ones), or a file that describes no source.
    """
    path = _source_path(data_folder, name)
    if name not in source_names(data_folder):
        known = ", ".join(source_names(data_folder)) or "none"
        raise LampError(f"unknown data set {name!r}; known: {known}; register one with `lamp import`")
    try:
        content = parse_yaml(read_text(path))
    except (LampError, yaml.YAMLError) as error:
        raise LampError(
            f"{path} cannot be read: {error}; register the data set again with `lamp import`"
        ) from error
    return _parse_source(content, str(path))


def source_names(data_folder: Path) -> list[str]:
    """Names of the registered data sets, sorted."""
    return sorted(path.stem for path in (data_folder / SOURCES_FOLDER).glob("*.yaml"))


def refresh_fingerprint(data_folder: Path, name: str) -> bool:
    """Compute the fingerprint again and rewrite ``data/sources/NAME.yaml`` only when it changed.

    Files that changed are looked at as at import: the remarks are those of now.

    Returns:
        Whether the source's files changed since they were last looked at.

    Raises:
        LampError: an unknown name, a folder of the source that is gone, or files that `lamp import` refuses.
    """
    source, path = load_source(data_folder, name), _source_path(data_folder, name)
    found = fingerprint(source)
    if found == source.fingerprint:
        return False
    fresh = KINDS[source.kind].complete(source.model_copy(update={"remarks": ()}))
    _write_source(path, summarise(fresh, path).source.model_copy(update={"fingerprint": found}))
    return True


def fingerprint(source: Source) -> str:
    """SHA-256 over relative name, size and modification time of every file of the source."""
    digest = hashlib.sha256()
    for name, path in KINDS[source.kind].files(source):
        status = path.stat()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _source_path(data_folder: Path, name: str) -> Path:
    return data_folder / SOURCES_FOLDER / f"{name}.yaml"


def _absolute(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; folders and a joint map that is a file by their absolute paths."""
    given = {key: value for key, value in options.items() if value is not None}
    for key in given.keys() & PLACES:
        path = Path(given[key]).expanduser()
        if key != "map" or path.is_file():
            given[key] = str(path.resolve())
    if "reference_clip" in given:
        given["reference_clip"] = composed(given["reference_clip"])
    return given


def _write_source(path: Path, source: Source) -> None:
    content = source.model_dump(mode="json", exclude_defaults=True)
    with atomic_path(path) as temporary:
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _parse_source(content: Any, where: str) -> Source:
    try:
        return Source.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "content"
        raise LampError(f"{where}: {field}: {first['msg']} (got {first['input']!r})") from error
