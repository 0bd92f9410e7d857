"""The command line, and the runs that it starts."""

import tasks  # noqa: F401  (says how many threads NumPy takes, before any module here imports it)
