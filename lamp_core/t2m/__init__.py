"""LaMP-T2M: text to motion with a masked motion transformer."""
