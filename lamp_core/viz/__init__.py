"""Motions and figures to look at: player, GIF, MP4, charts."""
