"""What happens in a motion: ``python examples/caption.py MOTION [DATA]``.

MOTION is joints or features (.npy) or .bvh; DATA is the data folder of a project that has run up to ``m2t``.
"""

import sys
from pathlib import Path

from lamp_core.inference.caption import caption_files

data = Path(sys.argv[2] if sys.argv[2:] else "data")
for found in caption_files(data, [Path(sys.argv[1])], window_seconds=5.0):
    print(found.path, found.fault)
    for window in found.windows:
        print(f"{window.start:.1f} to {window.end:.1f} s:", *window.captions)
