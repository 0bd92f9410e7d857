"""Motions and hostile text, as the tests of pictures make them."""

from tests.unit.viz.conftest import hostile, motion_of

__all__ = ["hostile", "motion_of"]
