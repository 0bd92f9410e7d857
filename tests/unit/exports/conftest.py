"""The motions of the tests of the pictures."""

from tests.unit.viz.conftest import hostile, motion_of

__all__ = ["hostile", "motion_of"]
