"""A picture of a joint map: the rig in its first frame from two sides, its mapped joints named."""

from pathlib import Path

from lamp_core.skeleton.bvh import BvhMotion
from lamp_core.skeleton.map_suggestion import SuggestedMap
from lamp_core.skeleton.skeleton import ROOT

SIZE = (14, 8)
DOTS_AN_INCH = 100


def draw_map(path: Path, motion: BvhMotion, suggested: SuggestedMap) -> None:
    """Write the picture (.png)."""
    from matplotlib.figure import Figure

    whole = motion.with_ends(motion.all_names)
    places_J3 = whole.joint_positions()[0]
    joint_of = {source: joint for joint, source in suggested.joints.items() if source}
    up = "xyz".index(suggested.up)
    figure = Figure(figsize=SIZE, dpi=DOTS_AN_INCH, layout="constrained")
    for place, across in enumerate(axis for axis in range(3) if axis != up):
        axes = figure.add_subplot(
            1, 2, place + 1, aspect="equal", title=f"{'xyz'[across]} and {suggested.up}"
        )
        for joint, parent in enumerate(whole.parents):
            if parent != ROOT:
                ends = places_J3[[parent, joint]]
                axes.plot(ends[:, across], ends[:, up], color="#999999", linewidth=1)
        for joint, name in enumerate(whole.joint_names):
            x, y = places_J3[joint, across], places_J3[joint, up]
            mapped = joint_of.get(name)
            axes.plot(x, y, "o", markersize=5 if mapped else 2, color="#0b6" if mapped else "#bbbbbb")
            if mapped:
                axes.annotate(
                    f"{mapped}: {name}", (x, y), fontsize=6, xytext=(3, 3), textcoords="offset points"
                )
    figure.savefig(path)
