"""Where clips come from: one module a kind of source, one interface (`SourceKind`) for all."""

from lamp_core.datasets.sources.base import ClipJob, Source, SourceKind
from lamp_core.datasets.sources.bvh import BvhFolder
from lamp_core.datasets.sources.humanml3d import PublishedFolder
from lamp_core.datasets.sources.procedural import ProceduralClips

KINDS: dict[str, SourceKind] = {
    "bvh": BvhFolder(),
    "humanml3d": PublishedFolder(),
    "procedural": ProceduralClips(),
}

__all__ = ["KINDS", "ClipJob", "Source", "SourceKind"]
