"""What runs around every stage: its process, output, memory, progress and curves."""
