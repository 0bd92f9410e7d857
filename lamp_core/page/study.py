"""Answers of people to blind comparisons: kept a line each, counted with intervals."""

import json
import math
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

TRUTH = "truth"
NORMAL_95 = 1.959964


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
    if not answers:
        return 0.0, 1.0
    share, squared = wins / answers, NORMAL_95**2
    middle = share + squared / (2 * answers)
    reach = NORMAL_95 * math.sqrt(share * (1 - share) / answers + squared / (4 * answers**2))
    scale = 1 + squared / answers
    return max(0.0, (middle - reach) / scale), min(1.0, (middle + reach) / scale)


def keep_answer(path: Path, trial: Trial, better: str | None, truth: str | None) -> None:
    """Add a line: the trial, and who was taken for better and for the truth; None is undecided."""
    line = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        **asdict(trial),
        "better": None if better is None else trial.shown[better],
        "truth": None if truth is None else trial.shown[truth],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
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
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
            if {"better", "truth"} <= line.keys() and isinstance(line["shown"], dict):
                yield line
        except (ValueError, AttributeError, KeyError):
            continue
