"""Exact search in sparse and dense vectors, and indexes of motions by their names."""
