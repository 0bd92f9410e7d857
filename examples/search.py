"""Motions of the test gallery that fit a text: ``python examples/search.py TEXT [DATA]``.

DATA is the data folder of a project that has run up to ``retrieval``.
"""

import sys
from pathlib import Path

from lamp_core.inference.search import search_text

data = Path(sys.argv[2] if sys.argv[2:] else "data")
for hit in search_text(data, sys.argv[1], top=5):
    print(hit.rank, hit.clip, f"{hit.score:.3f}", hit.caption)
