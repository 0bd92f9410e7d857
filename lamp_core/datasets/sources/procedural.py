"""The procedural data sets: no files, every clip follows from the seed and its number.

The generator is imported when a clip is made: who only looks a data set up does not wait for its libraries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.sources.base import ClipJob, ClipJobs, Source, SourceKind
from lamp_core.errors import LampError
from lamp_core.io.folders import OnPassedOver, ignore
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton


class ProceduralClips(SourceKind):
    """Clips that are generated."""

    def complete(self, source: Source) -> Source:
        """Nothing to check: there are no files."""
        return source

    def clip_jobs(
        self, source: Source, skeleton: Skeleton, on_passed_over: OnPassedOver = ignore
    ) -> ClipJobs:
        """A job a clip.

        Raises:
            LampError: number of clips and seed are not set, or hands are wanted of the set without gestures.
        """
        if skeleton.fingers and source.skeleton is None:
            raise LampError(
                f"data set {source.name!r} has no hands; take --data procedural-hands, or "
                "--set ingest.skeleton=smpl22"
            )
        if source.clips is None or source.seed is None:
            raise LampError(f"data set {source.name!r} is generated: give the number of clips and the seed")
        return ProceduralJobs(source.name, source.clips, source.seed, skeleton.name)

    def files(self, source: Source) -> Iterator[tuple[str, Path]]:
        """None."""
        yield from ()

    def reference_pose(self, source: Source, skeleton: Skeleton) -> np.ndarray:
        """The body that the clips are generated with."""
        from lamp_core.skeleton.kinematics import canonical_reference

        return np.asarray(canonical_reference(skeleton), dtype=np.float32)


@dataclass(frozen=True)
class ProceduralJobs:
    """The first `clips` clips of a seed; each job is made when it is asked for."""

    source: str
    clips: int
    seed: int
    skeleton: str

    def __len__(self) -> int:
        return self.clips

    def __iter__(self) -> Iterator[ClipJob]:
        return map(self._job, range(self.clips))

    def _job(self, index: int) -> ClipJob:
        place = f"{self.source}:{self.seed}:{index}"
        return ProceduralJob(f"clip {index}", place, index, self.seed, self.skeleton)


@dataclass(frozen=True)
class ProceduralJob(ClipJob):
    """Clip number `index` of `seed`."""

    index: int
    seed: int
    skeleton: str

    def load(self) -> Clip:
        """Generate the clip; those beside it are made with it, for the jobs that follow."""
        from lamp_core.datasets.synthetic.generate import CLIPS_A_BLOCK

        block, place = divmod(self.index, CLIPS_A_BLOCK)
        return _block(block, self.seed, self.skeleton)[place]


@lru_cache(maxsize=1)
def _block(number: int, seed: int, skeleton: str) -> list[Clip]:
    """Clips that are fastest made together; a task of `ingest` goes through whole blocks."""
    from lamp_core.datasets.synthetic.generate import CLIPS_A_BLOCK, generate_block

    first = number * CLIPS_A_BLOCK
    return generate_block(range(first, first + CLIPS_A_BLOCK), seed, load_skeleton(skeleton))
