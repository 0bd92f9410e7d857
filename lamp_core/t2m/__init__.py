"""LaMP-T2M: text to motion, and editing, with a masked motion transformer."""
