"""Processes, secrets and resources of the machine."""
