"""Some of many, spread over all of them."""

import numpy as np


def spread(total: int, count: int) -> list[int]:
    """Return places spread evenly over ``total``, all where there are fewer than ``count``."""
    return sorted(set(np.linspace(0, total - 1, min(count, total)).round().astype(int).tolist()))
