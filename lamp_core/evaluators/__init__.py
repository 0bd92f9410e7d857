"""Trainable evaluators: networks that embed motions and texts for the metrics."""
