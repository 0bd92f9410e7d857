"""Text to motion of the clips of held-out actions, and of the others, beside that of all.

Each part is measured by the protocol of all, with its own ground truth, chance and floors (Quo Vadis, Motion
Generation?, Table 5: an out-of-domain split by action).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from lamp_core.config.evaluation import Evaluate
from lamp_core.datasets.items import Item
from lamp_core.datasets.labelled_actions import names_any
from lamp_core.errors import LampError
from lamp_core.evaluation.baselines import GROUND_TRUTH
from lamp_core.evaluation.catalogue import HELD_OUT_ACTIONS, OTHER_ACTIONS
from lamp_core.evaluation.protocols.text_to_motion import MATCHING
from lamp_core.evaluation.results import Measurements, Result

FEW = 100
"""Below it, FID is told to be of few motions."""

Measure = Callable[[Sequence[Item], str], list[Result]]
"""Items and the first words of their protocol to rows."""


def measure_by_action(
    items: Sequence[Item], measure: Measure, settings: Evaluate, systems: Iterable[str], evaluator: str
) -> list[Result]:
    """The rows of both parts; none where ``evaluate.held_out`` names no action.

    Args:
        items: of all actions.
        measure: by the protocol.
        settings: names the actions.
        systems: that are said not to be measured where a part has no item.
        evaluator: label of what would measure them.
    """
    if not settings.held_out:
        return []
    named = " and ".join(settings.held_out)
    rows: list[Result] = []
    for task, part in _parts(items, settings):
        protocol = f"{task}, {named}"
        try:
            rows += [_told(row, len(part)) for row in measure(part, protocol)]
        except LampError as fault:
            absent = [Measurements(system, protocol, evaluator, len(part)) for system in systems]
            for each in absent:
                each.faults.update(dict.fromkeys((*MATCHING, "FID"), str(fault)))
                rows += each.results()
    return rows


def _parts(items: Sequence[Item], settings: Evaluate) -> Iterator[tuple[str, list[Item]]]:
    apart = [names_any(item.labels, settings.held_out_label, settings.held_out) for item in items]
    yield HELD_OUT_ACTIONS, [item for item, is_apart in zip(items, apart, strict=True) if is_apart]
    yield OTHER_ACTIONS, [item for item, is_apart in zip(items, apart, strict=True) if not is_apart]


def _told(row: Result, items: int) -> Result:
    """The row, of FID with a word about how few motions it is of."""
    if items >= FEW or row.metric.split("-")[-1] != "FID" or row.system == GROUND_TRUTH or not row.measured:
        return row
    told = f"of {items} clips, which are few: FID∞, KID and the truth's other half say how much of it that is"
    return replace(row, note="; ".join(filter(None, (row.note, told))))
