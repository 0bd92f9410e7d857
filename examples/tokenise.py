"""Motion tokens of a file, and the motion back from them: ``python examples/tokenise.py MOTION [DATA]``.

MOTION is joints or features (.npy) or .bvh; DATA is the data folder of a project that has run up to
``tokenizer``.
"""

import sys
from pathlib import Path

import numpy as np

from lamp_core.datasets.motion_file import read_motion
from lamp_core.tokenizers.clips import encode_clips, reconstruct_clips
from lamp_core.tokenizers.folder import load_tokenizer

data = Path(sys.argv[2] if sys.argv[2:] else "data")
tokenizer = load_tokenizer(data / "tokenizer")
motion_TD = read_motion(Path(sys.argv[1]), data / "features")
codes_SR = encode_clips(tokenizer, [motion_TD])[0]
reconstructed_TD = reconstruct_clips(tokenizer, [motion_TD])[0]
channels = ", ".join(channel.name for channel in tokenizer.channels)
print(len(motion_TD), "frames are", len(codes_SR), f"tokens of the channels {channels}:", *codes_SR.tolist())
print("mean error of a normalised feature:", np.abs(reconstructed_TD - motion_TD).mean().round(3))
