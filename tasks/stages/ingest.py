"""Stage ``ingest``: the source's clips in one form, and the clips that cannot be used with their reasons.

By hand: ``python -m tasks.stages.ingest``.
"""

from lamp_core.datasets.preprocessing.ingest import ingest
from lamp_core.datasets.registry import load_source
from lamp_core.skeleton.skeleton import load_skeleton
from tasks.stage.process import StageContext, main
from tasks.system.resources import cluster, threads


def run(stage: StageContext) -> dict[str, float]:
    """Load every clip of the source; report how many there are and why others are rejected."""
    wanted = stage.config.ingest
    summary = ingest(
        load_source(stage.data, wanted.data),
        load_skeleton(wanted.skeleton),
        stage.output,
        min_frames=wanted.min_frames,
        limits=wanted.limits,
        tagger=wanted.tagger,
        max_rejected=wanted.max_rejected,
        procedural=(wanted.clips, wanted.seed),
        workers=threads(),
        cluster=cluster(),
        failed_folder=stage.checkpoints,
        on_progress=lambda done, total: stage.on_progress(done, total, "clips"),
    )
    return {
        "clips": summary.clips,
        **{f"clips_{split}": count for split, count in summary.clips_of_split.items()},
        "captions": summary.captions,
        "skipped_captions": summary.skipped_captions,
        "frames": summary.frames,
        "rejected": summary.rejected.clips,
        **{f"rejected_{reason}": count for reason, count in summary.rejected.reasons.items()},
        **{f"warned_{check}": count for check, count in summary.warnings.items()},
    }


if __name__ == "__main__":
    main("ingest", run)
