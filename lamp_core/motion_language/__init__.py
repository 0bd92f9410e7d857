"""Motion and text as sequences for a causal language model."""
