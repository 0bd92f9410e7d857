"""Text to motion: ``python examples/generate.py TEXT OUT [DATA]``.

OUT is .npy, .bvh, .gif or .html; DATA is the data folder of a project that has run up to ``t2m``.
"""

import sys
from pathlib import Path

from lamp_core.exports.kinds import save_motion
from lamp_core.inference.generate import generate

data = Path(sys.argv[3] if sys.argv[3:] else "data")
made = generate(data, sys.argv[1], seconds=4.0, seed=0)
save_motion(sys.argv[2], made.joints[0], made.skeleton, made.skeleton.frames_per_second, caption=sys.argv[1])
print(len(made.joints[0]), "frames in", sys.argv[2])
