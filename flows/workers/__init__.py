"""Stages on other machines: what is asked of a worker, how it carries that out, and who asks."""
