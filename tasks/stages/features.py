"""Stage ``features``: motion features of every clip, and mean and deviation of the train split.

By hand: ``python -m tasks.stages.features``.
"""

from lamp_core.datasets.preprocessing.feature_extraction import extract_features
from tasks.stage.process import StageContext, main
from tasks.system.resources import cluster


def run(stage: StageContext) -> dict[str, float]:
    """Compute the features; report how many clips and frames there are."""
    summary = extract_features(
        stage.input("ingest"),
        stage.output,
        std_root_divisor=stage.config.features.std_root_divisor,
        statistics=stage.config.features.statistics,
        mirror=stage.config.features.mirror,
        cluster=cluster(),
        on_progress=lambda done, total: stage.on_progress(done, total, "clips"),
    )
    return {
        "clips": summary.clips,
        "mirrored": summary.mirrored,
        "frames": summary.frames,
        "rejected": summary.rejected.clips,
    }


if __name__ == "__main__":
    main("features", run)
