"""``python -m benchmarks.card``."""

import sys

from benchmarks.card.command import main

if __name__ == "__main__":
    sys.exit(main())
