"""How many threads NumPy's linear algebra takes: one a process.

The matrices here are small, and OpenBLAS's threads wait for each other in a busy loop. On two cores beside
one busy process, the eigenvalues of a covariance of 128 numbers take 96 ms with two threads and 4.3 ms with
one, its Cholesky factor 76 ms and 0.2 ms.
"""

import os

VARIABLE = "OPENBLAS_NUM_THREADS"


def use_one_thread() -> None:
    """Let NumPy, when this process or one that it starts imports it, take one thread.

    A number that the environment names stays. OpenBLAS reads it once, as NumPy is imported.
    """
    os.environ.setdefault(VARIABLE, "1")
