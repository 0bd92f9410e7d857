"""Procedural human motion with captions: the embedded data set."""

from lamp_core.datasets.procedural.generate import generate_clip, generate_clips

__all__ = ["generate_clip", "generate_clips"]
