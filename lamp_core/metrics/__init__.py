"""Metrics and protocols of the field: every number with what it may be compared with."""
