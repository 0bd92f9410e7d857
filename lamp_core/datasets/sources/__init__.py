"""Where clips come from: one module a kind of source, one interface (`SourceKind`) for all."""

from lamp_core.datasets.sources.amass import AmassFolder
from lamp_core.datasets.sources.base import ClipJob, ClipJobs, Source, SourceKind
from lamp_core.datasets.sources.bvh import BvhFolder
from lamp_core.datasets.sources.humanml3d import PublishedFolder
from lamp_core.datasets.sources.manifest import ManifestTable
from lamp_core.datasets.sources.motionx import MotionXFolder
from lamp_core.datasets.sources.npy import NpyFolder
from lamp_core.datasets.sources.procedural import ProceduralClips

KINDS: dict[str, SourceKind] = {
    "amass": AmassFolder(),
    "bvh": BvhFolder(),
    "humanml3d": PublishedFolder("smpl22", "kit21"),
    "kit": PublishedFolder("kit21"),
    "manifest": ManifestTable(),
    "motionx": MotionXFolder(),
    "npy": NpyFolder(),
    "procedural": ProceduralClips(),
}

__all__ = ["KINDS", "ClipJob", "ClipJobs", "Source", "SourceKind"]
