"""LaMP: language-motion pretraining."""
