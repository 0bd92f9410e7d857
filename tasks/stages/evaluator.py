"""Stage ``evaluator``: train the dual encoder of Guo et al. on the train split, or load the published one.

By hand: ``python -m tasks.stages.evaluator``.
"""

from collections.abc import Mapping
from pathlib import Path

from lamp_core.config import Evaluate, Evaluator
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.evaluation.protocols.common import protocol_items
from lamp_core.evaluation.protocols.matching import true_pairs
from lamp_core.evaluators.guo import GuoEvaluator, train_guo
from lamp_core.evaluators.guo_published import load_published
from tasks.stage.process import StageContext, main


def run(stage: StageContext) -> dict[str, float]:
    """Train or load, save, and measure how well true motions and their captions find each other."""
    features = FeatureSet.load(stage.input("features"))
    settings = stage.settings(Evaluator)
    if settings.published:
        folder = Path(settings.published).expanduser()
        evaluator = load_published(folder, features.skeleton.feature_count, stage.device)
        evaluator.save(stage.output)
        evaluator.reading(features.statistics)
        return _matching(evaluator, features, "val") | _matching(evaluator, features, "test")
    last: dict[str, float] = {}

    def on_log(step: int, scalars: Mapping[str, float]) -> None:
        last.update(scalars)
        stage.on_log(step, scalars)

    evaluator = train_guo(
        items_of(features, "train"),
        features.statistics,
        settings,
        device=stage.device,
        validation=items_of(features, "val"),
        checkpoints=stage.checkpoints,
        on_log=on_log,
        on_progress=stage.on_progress,
    )
    stage.end_helpers()
    evaluator.save(stage.output)
    losses = {f"train_{name}": last[name] for name in ("loss", "positive", "negative") if name in last}
    return losses | _matching(evaluator, features, "val") | _matching(evaluator, features, "test")


def _matching(evaluator: GuoEvaluator, features: FeatureSet, split: str) -> dict[str, float]:
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
