"""The one training loop, with checkpoints, seeds and schedules."""
