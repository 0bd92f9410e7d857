"""The exit statuses of every program of the project."""

FAILED, BAD_REQUEST, INTERRUPTED = 1, 2, 130
"""Something went wrong; what was asked for cannot be done, said in one line; stopped by a signal."""
