"""Pairs of motion and text: which are negatives of each other, and how they are compared."""
