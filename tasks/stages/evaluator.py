"""Stage ``evaluator``: train the dual encoder of Guo et al. on the train split, or load the published one.

Beside either, the second opinion is trained (`lamp_core.evaluators.minilm`).

By hand: ``python -m tasks.stages.evaluator``.
"""

from collections.abc import Mapping
from pathlib import Path

from lamp_core.config import Evaluate, Evaluator
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.evaluation.protocols.common import MotionTextEvaluator, protocol_items
from lamp_core.evaluation.protocols.matching import true_pairs
from lamp_core.evaluators.guo import GuoEvaluator
from lamp_core.evaluators.guo_published import load_published
from lamp_core.evaluators.guo_training import train_guo
from lamp_core.evaluators.minilm import FOLDER as MINILM
from lamp_core.evaluators.minilm import MiniLMEvaluator
from lamp_core.evaluators.minilm_training import train_minilm
from lamp_core.lamp.minilm import has_minilm
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Train or load, save, and measure how well true motions and their captions find each other."""
    features = FeatureSet.load(stage.input("features"))
    settings = stage.settings(Evaluator)
    evaluator, losses = _published(stage, features) if settings.published else _trained(stage, features)
    second = _second_opinion(stage, features) if settings.minilm.trained and has_minilm() else None
    stage.end_helpers()
    evaluator.save(stage.output)
    evaluator.reading(features.statistics)
    measured = losses | _matching(evaluator, features, "val") | _matching(evaluator, features, "test")
    if second is None:
        return measured
    second.save(stage.output / MINILM)
    return measured | {f"minilm_{name}": value for name, value in _matching(second, features, "val").items()}


def _published(stage: StageContext, features: FeatureSet) -> tuple[GuoEvaluator, dict[str, float]]:
    folder = Path(stage.settings(Evaluator).published).expanduser()
    return load_published(folder, features.skeleton.feature_count, stage.device), {}


def _trained(stage: StageContext, features: FeatureSet) -> tuple[GuoEvaluator, dict[str, float]]:
    """The dual encoder, and the last losses."""
    last: dict[str, float] = {}

    def on_log(step: int, scalars: Mapping[str, float]) -> None:
        last.update(scalars)
        stage.on_log(step, scalars)

    evaluator = train_guo(
        items_of(features, "train"),
        features.statistics,
        stage.settings(Evaluator),
        device=stage.device,
        validation=items_of(features, "val"),
        checkpoints=stage.checkpoints,
        on_log=on_log,
        on_progress=stage.on_progress,
    )
    return evaluator, {
        f"train_{name}": last[name] for name in ("loss", "positive", "negative") if name in last
    }


def _second_opinion(stage: StageContext, features: FeatureSet) -> MiniLMEvaluator:
    return train_minilm(
        items_of(features, "train"),
        features.statistics,
        stage.settings(Evaluator).minilm,
        device=stage.device,
        validation=items_of(features, "val"),
        checkpoints=stage.checkpoints / MINILM,
        on_log=lambda step, scalars: stage.on_log(step, {f"minilm_{key}": scalars[key] for key in scalars}),
        on_progress=stage.on_progress,
    )


def _matching(evaluator: MotionTextEvaluator, features: FeatureSet, split: str) -> dict[str, float]:
    """Matching scores of the true pairs of a split, by the published protocol whatever ``evaluate`` says."""
    protocol = Evaluate()
    items = protocol_items(items_of(features, split), features.skeleton.frames_per_second, protocol)
    if not items:
        return {}
    precision, distance = true_pairs(items, evaluator, features.statistics, protocol)
    return {
        **{f"{split}_r_precision_{k}": value for k, value in precision.items()},
        f"{split}_mm_distance": distance,
    }


if __name__ == "__main__":
    main("evaluator", run)
