"""Motion tokenizers: features to codes and back."""
