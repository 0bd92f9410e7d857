"""The stages, and what runs around them."""

from lamp_core.numpy_threads import use_one_thread

use_one_thread()  # before any module here imports NumPy
