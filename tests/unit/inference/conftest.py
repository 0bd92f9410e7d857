"""What the tests of text to motion have made serves those of its use."""

from tests.unit.t2m.conftest import make_generator, model, settings, space

__all__ = ["make_generator", "model", "settings", "space"]
