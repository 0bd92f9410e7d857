import tasks  # noqa: F401  (says how many threads NumPy takes, before any test imports it)
