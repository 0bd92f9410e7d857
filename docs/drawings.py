"""Pictures that are drawn from the code alone: stages, feature vector, attention masks."""

import math
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.patches import FancyArrowPatch, Rectangle

from docs.stage_graph import QUIET, draw_stages
from lamp_core.features.layout import FeatureLayout
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.viz.figure import SIDE_COLOURS, figure_bones

FOLDER = Path(__file__).parent / "pictures"
INK, FAINT = "#1b1e22", "#d9dcd6"
COLOURS = ("#2b78c5", "#dc6428", "#3b8f5a", "#8a5bb0", "#c9a227", "#21677f", "#b8405e")
plt.rcParams.update(
    {"font.family": "DejaVu Sans", "svg.fonttype": "none", "svg.hashsalt": "lamp", "text.color": INK}
)

BLOCKS = {
    "root_yaw_velocity": "how fast the body turns",
    "root_planar_velocity": "how fast it walks, sideways and forward",
    "root_height": "how high the pelvis is",
    "positions": "where each joint is, seen from the root",
    "rotations": "how each joint is turned: two columns of a rotation matrix",
    "velocities": "how fast each joint moves",
    "contacts": "whether ankles and feet touch the floor",
}
"""What a person wants to know of each block of numbers."""


def pipeline_graph(project: Path) -> None:
    """The stages of the catalogue with their edges, each in the column after what it reads."""
    figure = plt.figure()
    axes = figure.add_axes((0, 0, 1, 1))
    width, height = draw_stages(axes)
    figure.set_size_inches(0.55 * width, 0.62 * height)
    save(figure, axes, "pipeline.svg")


def feature_vector(project: Path) -> None:
    """A body with what each block of numbers says of it, and where the block stands in the 263."""
    skeleton = load_skeleton("smpl22")
    layout = FeatureLayout.of(skeleton)
    figure, axes = plt.subplots(figsize=(10.4, 3.8))
    points_J2 = _walking(skeleton)
    _draw_body(axes, skeleton, points_J2)
    _draw_blocks_on_body(axes, skeleton, points_J2)
    scale = 8.6 / layout.width
    for number, (name, said) in enumerate(BLOCKS.items()):
        block, colour = layout[name], COLOURS[number]
        axes.add_patch(
            Rectangle((0.1 + scale * block.start, -0.62), scale * (block.stop - block.start), 0.28, fc=colour)
        )
        y = 2.05 - 0.36 * number
        axes.plot(3.35, y, "o", color=colour, ms=9)
        last = f" to {block.stop - 1}" if block.stop - block.start > 1 else ""
        axes.text(3.6, y, f"{name}", va="center", fontsize=10, weight="bold")
        axes.text(5.75, y, f"{block.start}{last}", va="center", fontsize=9, color=QUIET)
        axes.text(6.75, y, _wrapped(said), va="center", fontsize=8.5)
    axes.text(0.1, -0.78, f"one frame: {layout.width} numbers", fontsize=9, va="top", color=QUIET)
    axes.set(xlim=(-0.1, 9.2), ylim=(-1.0, 2.4))
    save(figure, axes, "feature-vector.svg")


def _wrapped(text: str) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > 34:
            lines.append("")
        lines[-1] += f"{word} "
    return "\n".join(line.strip() for line in lines)


def _walking(skeleton: Skeleton) -> np.ndarray:
    """A pose in mid-step, seen from the front left."""
    pose_J3 = np.array(skeleton.rest)
    for names, angle in (
        (("left_knee", "left_ankle", "left_foot"), 0.5),
        (("right_knee", "right_ankle", "right_foot"), -0.42),
        (("left_elbow", "left_wrist"), -0.5),
        (("right_elbow", "right_wrist"), 0.6),
        (("right_ankle", "right_foot"), -0.45),
        (("right_wrist",), 0.5),
        (("left_wrist",), 0.35),
    ):
        joints = [skeleton.index(name) for name in names]
        at = pose_J3[skeleton.parents[joints[0]]].copy()
        y, z = (pose_J3[joints] - at)[:, 1:].T
        pose_J3[joints, 1] = at[1] + math.cos(angle) * y + math.sin(angle) * z
        pose_J3[joints, 2] = at[2] - math.sin(angle) * y + math.cos(angle) * z
    pose_J3[:, 1] -= pose_J3[:, 1].min()
    yaw = 0.9
    across = math.cos(yaw) * pose_J3[:, 0] + math.sin(yaw) * pose_J3[:, 2]
    points: np.ndarray = np.stack((1.45 + 1.3 * across, 1.3 * pose_J3[:, 1] - 0.08), axis=1)
    return points


def _draw_body(axes: Any, skeleton: Skeleton, points_J2: np.ndarray) -> None:
    axes.plot([0.2, 2.9], [-0.12, -0.12], color=FAINT, lw=2, zorder=0)
    for bone in figure_bones(skeleton):
        ends = points_J2[[bone.parent, bone.child]].T
        axes.plot(
            *ends,
            color=SIDE_COLOURS[bone.side],
            lw=11 if bone.side != "spine" else 15,
            alpha=0.3,
            solid_capstyle="round",
        )
    axes.plot(
        *points_J2[skeleton.index("head")] + [0.02, 0.08],
        "o",
        ms=30,
        color=SIDE_COLOURS["spine"],
        alpha=0.3,
        mew=0,
    )


def _draw_blocks_on_body(axes: Any, skeleton: Skeleton, points_J2: np.ndarray) -> None:
    """The same colours as the bullets: a turn, a way, a height, places, axes, speeds, contacts."""
    root = points_J2[0]
    turn, way, height, places, turned, speeds, contacts = COLOURS

    def arrow(start: np.ndarray, end: np.ndarray, colour: str, curve: float = 0.0) -> None:
        axes.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=11,
                color=colour,
                lw=1.6,
                shrinkA=0,
                shrinkB=0,
                connectionstyle=f"arc3,rad={curve}",
                zorder=5,
            )
        )

    arrow(root + np.array([-0.28, 0.02]), root + np.array([0.26, 0.1]), turn, 0.55)
    arrow(root, root + np.array([0.75, -0.05]), way)
    axes.plot([root[0] - 0.42] * 2, [-0.12, root[1]], color=height, lw=1.6)
    axes.plot([root[0] - 0.47, root[0] - 0.37], [root[1]] * 2, color=height, lw=1.6)
    for joint in range(1, skeleton.joint_count):
        axes.plot(*np.stack((root, points_J2[joint])).T, color=places, lw=0.5, ls=(0, (2, 2)), zorder=3)
    axes.plot(*points_J2[1:].T, "o", ms=3.5, color=places, zorder=4)
    for name in ("left_elbow", "right_knee", "neck"):
        at = points_J2[skeleton.index(name)]
        for direction in ([0.0, 0.17], [0.15, -0.05]):
            axes.plot(*np.stack((at, at + direction)).T, color=turned, lw=2, zorder=5)
    for name, direction in (
        ("left_wrist", [0.3, 0.06]),
        ("right_wrist", [0.22, 0.08]),
        ("right_ankle", [0.3, 0.1]),
    ):
        at = points_J2[skeleton.index(name)]
        arrow(at, at + direction, speeds)
    for foot in skeleton.feet[:2]:
        axes.plot(*points_J2[foot], "o", ms=11, mfc="none", mec=contacts, mew=2, zorder=6)


def attention_masks(project: Path) -> None:
    """The masks of the objectives as grids: a row looks, a column is seen."""
    import torch

    from lamp_core.lamp.masks import attention_mask
    from lamp_core.viz.attention_masks import NAMES, PICTURES

    figure, all_axes = plt.subplots(2, 3, figsize=(11, 8.4))
    for axes, picture in zip(all_axes.flat, PICTURES, strict=False):
        names = [name for part in picture.parts for name in NAMES[part]]
        valid = [(part, torch.tensor([[name != "[PAD]" for name in NAMES[part]]])) for part in picture.parts]
        mask_XX = attention_mask(valid, picture.table)[0].numpy()
        axes.imshow(np.where(mask_XX, 1.0, 0.06), cmap="Blues", vmin=0, vmax=1.4)
        axes.set_xticks(range(len(names)), names, rotation=90, fontsize=7.5)
        axes.set_yticks(range(len(names)), names, fontsize=7.5)
        axes.set_xticks(np.arange(-0.5, len(names)), minor=True)
        axes.set_yticks(np.arange(-0.5, len(names)), minor=True)
        axes.grid(which="minor", color="white", lw=1.5)
        axes.tick_params(which="both", length=0)
        axes.xaxis.tick_top()
        for spine in axes.spines.values():
            spine.set_visible(False)
        title = picture.title.translate({ord(mark): None for mark in "*`"})
        axes.set_xlabel(_wrapped(title), fontsize=9.5, labelpad=8)
    for axes in all_axes.flat[len(PICTURES) :]:
        axes.set_axis_off()
    figure.tight_layout()
    figure.savefig(FOLDER / "attention-masks.svg", metadata={"Date": None})
    plt.close(figure)


def save(figure: Any, axes: Any, name: str) -> None:
    """Write a picture without its axes, the same to the byte for the same drawing."""
    axes.set_axis_off()
    figure.savefig(FOLDER / name, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
