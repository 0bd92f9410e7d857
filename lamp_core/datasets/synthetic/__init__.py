"""Procedural human motion with captions: the embedded data sets."""
