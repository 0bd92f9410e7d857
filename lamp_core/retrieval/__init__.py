"""LaMP-Feat: retrieval of motions by text and of captions by motion."""
