"""Answers of people to blind comparisons: kept a line each, counted with intervals."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

TRUTH = "truth"


@dataclass(frozen=True)
class Trial:
    """What was shown, and under which letter.

    Args:
        caption: of the clip.
        clip: its name.
        dataset: that the clip is of.
        seed: of the motions that were made.
        shown: who made the motion of each letter, or `TRUTH`.
    """

    caption: str
    clip: str
    dataset: str
    seed: int
    shown: Mapping[str, str]


class Line(BaseModel):
    """An answer as it stands in the file: what is counted of it."""

    shown: dict[str, str]
    better: str | None
    truth: str | None


@dataclass(frozen=True)
class Share:
    """A share of answers with its Wilson interval at 95 % (Wilson 1927).

    Args:
        name: whose.
        wins: answers for it.
        answers: of all.
        low: begin of the interval.
        high: its end.
    """

    name: str
    wins: int
    answers: int
    low: float
    high: float

    @classmethod
    def of(cls, name: str, wins: int, answers: int) -> "Share":
        """The share of ``wins`` in ``answers``."""
        return cls(name, wins, answers, *wilson(wins, answers))


def wilson(wins: int, answers: int) -> tuple[float, float]:
    """The 95 % interval of a share; from 0 to 1 where there is no answer."""
    from scipy.stats import binomtest

    if not answers:
        return 0.0, 1.0
    interval = binomtest(wins, answers).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def keep_answer(path: Path, trial: Trial, better: str | None, truth: str | None) -> None:
    """Add a line: the trial, and who was taken for better and for the truth; None is undecided."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **asdict(trial),
        "better": None if better is None else trial.shown[better],
        "truth": None if truth is None else trial.shown[truth],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    is_cut_off = path.exists() and not path.read_bytes().endswith(b"\n") and path.stat().st_size > 0
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" * is_cut_off + json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def counts(path: Path) -> dict[str, list[Share]]:
    """How often each maker was better, each of a pair than the other, and how often the truth was found.

    A line that is cut off or was changed by hand is left out.
    """
    lines = list(_lines(path))
    decided = [line for line in lines if line["better"] is not None]
    shown = Counter(name for line in decided for name in set(line["shown"].values()))
    better = Counter(line["better"] for line in decided)
    asked = [line for line in lines if line["truth"] is not None]
    found = sum(line["truth"] == TRUTH for line in asked)
    return {
        "better": [Share.of(name, better[name], shown[name]) for name in sorted(shown)],
        "pairs": list(_pairs(decided)),
        "truth": [Share.of("truth found", found, len(asked))] if asked else [],
    }


def _pairs(lines: Sequence[Mapping[str, Any]]) -> Iterator[Share]:
    wins: Counter[tuple[str, str]] = Counter()
    for line in lines:
        others = {*line["shown"].values()} - {line["better"]}
        wins.update((line["better"], other) for other in others)
    for one, other in sorted({(min(pair), max(pair)) for pair in wins}):
        both = wins[one, other] + wins[other, one]
        yield Share.of(f"{one} over {other}", wins[one, other], both)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    if not path.exists():
        return
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValidationError):
            yield Line.model_validate_json(text).model_dump()
