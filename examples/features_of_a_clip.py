"""Features of a clip, and its joints back from them: ``python examples/features_of_a_clip.py [JOINTS.npy]``.

Joints are (T, 22, 3) in metres, Y up, at 20 frames a second; without a file a clip of the built-in data set
is taken.
"""

import sys

import numpy as np

from lamp_core.datasets.synthetic.generate import generate_clip
from lamp_core.features.decode import decode
from lamp_core.features.encode import encode
from lamp_core.skeleton.kinematics import canonical_reference
from lamp_core.skeleton.skeleton import load_skeleton

skeleton = load_skeleton("smpl22")
if sys.argv[1:]:
    joints_TJ3 = np.load(sys.argv[1])
else:
    clip = generate_clip(index=0, seed=0, skeleton=skeleton)
    joints_TJ3 = clip.joints_TJ3
    print(clip.captions[0].text)
features_TD = encode(joints_TJ3, skeleton, canonical_reference(skeleton))
decoded_TJ3 = decode(features_TD, skeleton)
print("joints", joints_TJ3.shape, "features", tuple(features_TD.shape), "joints", tuple(decoded_TJ3.shape))
