"""What is stale, and the versions of every file: the only callers of DVC."""
