"""The large motion model: a causal language model over text and the channels of motion tokens."""
