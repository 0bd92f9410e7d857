"""The end-to-end run."""
