"""Pictures of motions and figures: HTML player, GIF, charts, the report page, and export by file ending."""
