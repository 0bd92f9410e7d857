"""A motion as an MP4 film, encoded by PyAV (extra ``video``).

Shapes: T frames, J joints, 3 coordinates (Y up).
"""

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lamp_core.io.extras import require
from lamp_core.skeleton.skeleton import Skeleton
from lamp_core.viz.figure import joints_in_metres
from lamp_core.viz.gif import Painter

if TYPE_CHECKING:
    from PIL import Image

CODEC, PIXEL_FORMAT = "h264", "yuv420p"
QUALITY = {"crf": "20", "preset": "veryfast"}


def require_video() -> Any:
    """The module ``av``; LampError without it, before any work is done."""
    return require("av", "MP4", "PyAV", "video")


def save_mp4(
    path: Path,
    joints_TJ3: np.ndarray,
    skeleton: Skeleton,
    frames_per_second: float,
    caption: str = "",
    pixels: int = 480,
) -> None:
    """Write a motion as H.264 in MP4, at its own rate.

    Args:
        path: file to write.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        caption: written above the figure.
        pixels: width and height of the picture, even.

    Raises:
        LampError: without PyAV, or when the motion does not fit the skeleton or is not finite.
    """
    av = require_video()
    metres_TJ3 = joints_in_metres(joints_TJ3, skeleton, path.name)
    painter = Painter(metres_TJ3, skeleton, frames_per_second, caption, pixels)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as film:
        stream = film.add_stream(
            CODEC, rate=Fraction(frames_per_second).limit_denominator(1000), options=QUALITY
        )
        stream.width = stream.height = pixels
        stream.pix_fmt = PIXEL_FORMAT
        for frame in range(len(metres_TJ3)):
            film.mux(stream.encode(_picture(av, painter.paint(frame))))
        film.mux(stream.encode(None))


def _picture(av: Any, image: "Image.Image") -> Any:
    return av.VideoFrame.from_ndarray(np.asarray(image.convert("RGB")), format="rgb24")
