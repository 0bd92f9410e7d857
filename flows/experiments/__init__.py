"""Experiments: rows of overrides as runs of the pipeline."""
