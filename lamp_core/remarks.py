"""What a user should know and what stops nothing: said once, by Python's own warnings, so that a program that
uses the library can filter it; the command line shows a line each.
"""

import warnings


class Remark(UserWarning):
    """A remark about an input."""


def remark(text: str) -> None:
    """Say a line, once a process."""
    warnings.warn(text, Remark, stacklevel=2)
