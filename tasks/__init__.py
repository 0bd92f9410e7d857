"""The stages, and what runs around them."""

import os

# Read when torch is first loaded. Threads that wait by spinning slow a stage down many times over as soon as
# the cores are shared with another process.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
