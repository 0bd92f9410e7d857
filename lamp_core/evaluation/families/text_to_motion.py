"""Text to motion by the protocol of the field; held-out actions apart."""

from collections.abc import Sequence

from lamp_core.datasets.items import Item
from lamp_core.datasets.labelled_actions import check_named
from lamp_core.evaluation.baselines import is_baseline
from lamp_core.evaluation.families.family import Family, Systems
from lamp_core.evaluation.held_out import measure_by_action
from lamp_core.evaluation.protocols.common import OnProgress
from lamp_core.evaluation.protocols.text_to_motion import TASK, evaluate_text_to_motion
from lamp_core.evaluation.results import Result
from lamp_core.evaluation.route import embed_by
from lamp_core.systems.capabilities import GENERATE


def _measure(systems: Systems, on_progress: OnProgress | None) -> list[Result]:
    trained = systems.trained

    def measured(items: Sequence[Item], task: str) -> list[Result]:
        return evaluate_text_to_motion(
            items,
            {name: generate for name, generate in systems.generating.items() if not is_baseline(name)},
            trained.guo,
            trained.features.statistics,
            trained.settings,
            matching=trained.further_evaluators,
            floors={name: generate for name, generate in systems.generating.items() if is_baseline(name)},
            embed=embed_by(trained.settings.route, trained.features, trained.cache.embed),
            on_progress=on_progress,
            task=task,
        )

    settings, label = trained.settings, trained.guo.label
    if trained.own_data:
        check_named(trained.features.labels, settings.held_out_label, settings.held_out, "evaluate.held_out")
    rows = measured(trained.items, TASK)
    return [*rows, *measure_by_action(trained.items, measured, settings, trained.generating, label)]


TEXT_TO_MOTION = Family("text_to_motion", GENERATE, ("text-to-motion",), _measure, of_generated=True)
