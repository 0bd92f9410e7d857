"""LaMP-M2T: motion to captions by a language model with soft motion tokens and LoRA."""
