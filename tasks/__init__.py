"""The stages, and what runs around them."""
