"""Motions to files that other programs open: one module a form, `kinds` the catalogue of them."""
