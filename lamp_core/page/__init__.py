"""The local page: its server, its panels, and what runs in the browser."""
