"""A motion as an animated GIF, drawn by Pillow.

Shapes: T frames, J joints, 3 coordinates (Y up), P points of a polyline.
"""

import math
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lamp_core.skeleton.planting import toe_contacts
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.figure import (
    HEAD_RADIUS,
    SIDE_COLOURS,
    SIDES,
    Bone,
    camera_path,
    figure_bones,
    head_joint,
    joints_in_metres,
    torso_joints,
    torso_slices,
)

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

SUPERSAMPLING = 2
FASTEST_FRAMES_PER_SECOND = 50.0  # browsers slow down GIFs whose frames are shorter than 20 ms
PALETTE_COLOURS = 64
YAW, PITCH = 0.45, 0.2  # radians
CAMERA_DISTANCE, VISIBLE_HEIGHT, LOOK_AT_HEIGHT = 5.0, 2.25, 0.9  # metres
GRID_STEP, GRID_REACH = 0.5, 3.0  # metres

CONTACT_RADIUS = 0.11  # metres
CIRCLE_P3 = np.array([(math.cos(turn), 0.0, math.sin(turn)) for turn in np.linspace(0, 2 * math.pi, 24)])
LIGHT, LIT = np.array([-0.28, -0.36]), 0.4  # where a limb's lighter side lies, and how thick, in radii

BACKGROUND, FLOOR_LINE, SHADOW = "#ffffff", "#d9dcd6", "#e4e6e3"
INK, PROGRESS, PATH = "#1b1e22", "#dfe1dc", "#21677f"


def save_gif(
    path: Path,
    joints_TJ3: np.ndarray,
    skeleton: Skeleton,
    frames_per_second: float,
    caption: str = "",
    pixels: int = 360,
) -> None:
    """Write a motion as a looping GIF that lasts as long as the motion.

    Args:
        path: file to write.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion; above 50 frames are left out, as GIF players are no faster.
        caption: written above the figure.
        pixels: width and height of the picture.

    Raises:
        LampError: when the motion does not fit the skeleton or is not finite.
    """
    from PIL import Image

    joints_TJ3 = joints_in_metres(joints_TJ3, skeleton, path.name)
    stride = math.ceil(frames_per_second / FASTEST_FRAMES_PER_SECOND)
    painter = Painter(joints_TJ3, skeleton, frames_per_second, caption, pixels)
    pictures = [painter.paint(frame) for frame in range(0, len(joints_TJ3), stride)]
    undithered = Image.Dither.NONE
    palette = pictures[len(pictures) // 2].quantize(PALETTE_COLOURS)
    frames = [picture.quantize(palette=palette, dither=undithered) for picture in pictures]
    frames[0].save(
        path,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=frame_milliseconds(len(frames), frames_per_second / stride),
        loop=0,
        disposal=1,
    )


def frame_milliseconds(frames: int, frames_per_second: float) -> list[int]:
    """Duration of each frame in the hundredths of a second that GIF knows, without drift over the clip."""
    ends = np.round(100 * np.arange(frames + 1) / frames_per_second)
    return [int(10 * hundredths) for hundredths in np.diff(ends)]


def _lighter(colour: str, share: float) -> str:
    """A colour that is mixed with a share of white."""
    parts = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(part + share * (255 - part)):02x}" for part in parts)


class Painter:
    """Draws single frames; the camera follows the root from the front left, slightly above."""

    def __init__(
        self,
        joints_TJ3: np.ndarray,
        skeleton: Skeleton,
        frames_per_second: float,
        caption: str,
        pixels: int,
    ) -> None:
        self.joints_TJ3 = joints_TJ3
        self.skeleton = skeleton
        self.spine = torso_joints(skeleton)
        self.head = head_joint(skeleton)
        self.bones = [bone for bone in figure_bones(skeleton) if bone.child not in self.spine]
        self.hidden = [bone for bone in self.bones if bone.parent in self.spine and bone.child != self.head]
        self.caption = caption
        self.pixels = pixels * SUPERSAMPLING
        self.floor = float(joints_TJ3[..., 1].min())
        self.toes = skeleton.feet[1::2]
        self.contacts_T2 = toe_contacts(
            joints_TJ3, replace(skeleton, metres_per_unit=1.0), frames_per_second, self.floor
        )
        self.camera_T2 = camera_path(joints_TJ3, frames_per_second)

    def paint(self, frame: int) -> "Image.Image":
        """The picture of one frame, RGB."""
        from PIL import Image, ImageDraw

        picture = Image.new("RGB", (self.pixels, self.pixels), BACKGROUND)
        draw = ImageDraw.Draw(picture)
        camera_x, camera_z = self.camera_T2[frame]
        target = np.array([camera_x, self.floor + LOOK_AT_HEIGHT, camera_z])
        self._floor(draw, target)
        self._shadow(draw, frame, target)
        self._path(draw, frame, target)
        self._contacts(draw, frame, target)
        self._body(draw, frame, target)
        self._progress(draw, frame)
        self._caption(draw)
        return picture.reduce(SUPERSAMPLING)

    def _project(
        self, points_P3: np.ndarray, target: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels (P, 2), depth in metres (P) and pixels a metre (P) of points."""
        across, height, towards = (points_P3 - target).T
        across, towards = (
            across * math.cos(YAW) - towards * math.sin(YAW),
            across * math.sin(YAW) + towards * math.cos(YAW),
        )
        up = height * math.cos(PITCH) - towards * math.sin(PITCH)
        depth = np.maximum(0.2, CAMERA_DISTANCE - height * math.sin(PITCH) - towards * math.cos(PITCH))
        scale = self.pixels / VISIBLE_HEIGHT * CAMERA_DISTANCE / depth
        return self.pixels / 2 + np.stack([across * scale, -up * scale], axis=1), depth, scale

    def _on_floor(self, points_P3: np.ndarray) -> np.ndarray:
        return np.stack([points_P3[:, 0], np.full(len(points_P3), self.floor), points_P3[:, 2]], axis=1)

    def _floor(self, draw: "ImageDraw.ImageDraw", target: np.ndarray) -> None:
        offsets = np.arange(-GRID_REACH, GRID_REACH + GRID_STEP / 2, GRID_STEP)
        centre = np.round(target / GRID_STEP) * GRID_STEP
        ends = np.array([-GRID_REACH, GRID_REACH])
        along_z = [[(centre[0] + x, self.floor, centre[2] + z) for z in ends] for x in offsets]
        along_x = [[(centre[0] + x, self.floor, centre[2] + z) for x in ends] for z in offsets]
        pixels, _, _ = self._project(np.array(along_z + along_x).reshape(-1, 3), target)
        for line in pixels.reshape(-1, 2, 2):
            draw.line([tuple(point) for point in line], fill=FLOOR_LINE, width=SUPERSAMPLING)

    def _shadow(self, draw: "ImageDraw.ImageDraw", frame: int, target: np.ndarray) -> None:
        pixels, _, scale = self._project(self._on_floor(self.joints_TJ3[frame]), target)
        for bone in self.bones:
            self._capsule(draw, pixels[bone.parent], pixels[bone.child], 0.045 * scale[bone.child], SHADOW)

    def _path(self, draw: "ImageDraw.ImageDraw", frame: int, target: np.ndarray) -> None:
        pixels, _, _ = self._project(self._on_floor(self.joints_TJ3[: frame + 1, 0]), target)
        draw.line([tuple(point) for point in pixels], fill=PATH, width=2 * SUPERSAMPLING, joint="curve")

    def _contacts(self, draw: "ImageDraw.ImageDraw", frame: int, target: np.ndarray) -> None:
        """A disc of the side's colour on the floor under toes that stand."""
        for side, toe, stands in zip(SIDES, self.toes, self.contacts_T2[frame], strict=False):
            if not stands:
                continue
            ring_P3 = self.joints_TJ3[frame, toe] + CONTACT_RADIUS * CIRCLE_P3
            pixels, _, _ = self._project(self._on_floor(ring_P3), target)
            draw.polygon([tuple(point) for point in pixels], fill=_lighter(SIDE_COLOURS[side], 0.55))

    def _body(self, draw: "ImageDraw.ImageDraw", frame: int, target: np.ndarray) -> None:
        pixels, depth, scale = self._project(self.joints_TJ3[frame], target)
        farness = {bone: float(depth[bone.child] + depth[bone.parent]) / 2 for bone in self.bones}
        torso = float(depth[self.spine].mean())
        limbs = [bone for bone in self.bones if bone not in self.hidden]
        nearest_last = sorted(limbs, key=farness.__getitem__, reverse=True)
        behind = [bone for bone in nearest_last if farness[bone] >= torso]
        for bone in behind:
            self._limb(draw, bone, pixels, scale, frame, target)
        for bone in self.hidden:  # hips and collar, within the torso
            radius = bone.radius * scale[bone.child]
            self._capsule(draw, pixels[bone.parent], pixels[bone.child], radius, SIDE_COLOURS[bone.side])
        self._torso(draw, frame, target)
        for bone in nearest_last[len(behind) :]:
            self._limb(draw, bone, pixels, scale, frame, target)

    def _limb(
        self,
        draw: "ImageDraw.ImageDraw",
        bone: Bone,
        pixels: np.ndarray,
        scale: np.ndarray,
        frame: int,
        target: np.ndarray,
    ) -> None:
        start, end = pixels[bone.parent], pixels[bone.child]
        radius = bone.radius * (scale[bone.child] + scale[bone.parent]) / 2
        if self.skeleton.parents[bone.parent] not in self.spine:  # shoulders and hips belong to the torso
            self._edge(draw, start, end, radius)
        self._lit(draw, start, end, radius, SIDE_COLOURS[bone.side])
        if bone.child == self.head:
            self._head(draw, bone, frame, target)

    def _torso(self, draw: "ImageDraw.ImageDraw", frame: int, target: np.ndarray) -> None:
        """The skin around the spine, slice by slice, and its lighter side."""
        right_S3, left_S3, radius_S = torso_slices(self.joints_TJ3[frame], self.skeleton)
        right_S2, _, scale_S = self._project(right_S3, target)
        left_S2, _, _ = self._project(left_S3, target)
        colour = SIDE_COLOURS["spine"]
        radius_S = radius_S * scale_S
        for right, left, radius in zip(right_S2, left_S2, radius_S, strict=True):
            self._capsule(draw, right, left, radius, colour)
        low, high = len(radius_S) // 3, len(radius_S) - 3
        lit_S2 = (right_S2 + left_S2) / 2 + radius_S[:, None] * LIGHT
        self._capsule(draw, lit_S2[low], lit_S2[high], LIT * radius_S[low], _lighter(colour, 0.22))

    def _head(self, draw: "ImageDraw.ImageDraw", bone: Bone, frame: int, target: np.ndarray) -> None:
        head, neck = self.joints_TJ3[frame, bone.child], self.joints_TJ3[frame, bone.parent]
        direction = (head - neck) / max(float(np.linalg.norm(head - neck)), 1e-6)
        pixels, _, scale = self._project((head + 0.06 * direction)[None], target)
        radius = HEAD_RADIUS * scale[0]
        self._capsule(draw, pixels[0], pixels[0], radius + SUPERSAMPLING, BACKGROUND)
        self._lit(draw, pixels[0], pixels[0], radius, SIDE_COLOURS[bone.side])

    @staticmethod
    def _edge(draw: "ImageDraw.ImageDraw", start: np.ndarray, end: np.ndarray, radius: float) -> None:
        """Part a limb from what lies behind it, short of the joints, where limbs belong together."""
        length = float(np.linalg.norm(end - start))
        if length > 2 * radius:
            trim = (end - start) * (radius / length)
            width = round(2 * (radius + SUPERSAMPLING))
            draw.line([tuple(start + trim), tuple(end - trim)], fill=BACKGROUND, width=width)

    def _lit(
        self, draw: "ImageDraw.ImageDraw", start: np.ndarray, end: np.ndarray, radius: float, colour: str
    ) -> None:
        """A limb with a lighter side, where the light comes from above."""
        self._capsule(draw, start, end, radius, colour)
        towards_light = radius * LIGHT
        self._capsule(draw, start + towards_light, end + towards_light, LIT * radius, _lighter(colour, 0.22))

    @staticmethod
    def _capsule(
        draw: "ImageDraw.ImageDraw", start: np.ndarray, end: np.ndarray, radius: float, colour: str
    ) -> None:
        draw.line([tuple(start), tuple(end)], fill=colour, width=max(1, round(2 * radius)))
        for x, y in (start, end):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour)

    def _progress(self, draw: "ImageDraw.ImageDraw", frame: int) -> None:
        """A bar along the lower edge; it also keeps GIF from merging frames in which nobody moves."""
        share = (frame + 1) / len(self.joints_TJ3)
        thickness = 3 * SUPERSAMPLING
        draw.rectangle([0, self.pixels - thickness, self.pixels, self.pixels], fill=PROGRESS)
        draw.rectangle([0, self.pixels - thickness, share * self.pixels, self.pixels], fill=PATH)

    def _caption(self, draw: "ImageDraw.ImageDraw") -> None:
        from PIL import ImageFont

        margin = self.pixels / 30
        font = ImageFont.load_default(size=self.pixels / 25)
        letters = int((self.pixels - 2 * margin) / font.getlength("n"))
        text = textwrap.fill(self.caption, letters, max_lines=3, placeholder=" …")
        draw.multiline_text((margin, margin), text, fill=INK, font=font, spacing=margin / 4)
