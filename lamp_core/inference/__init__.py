"""What people do with trained models: generate, edit, caption, search."""
