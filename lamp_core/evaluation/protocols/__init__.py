"""The protocols of the field: metrics over items, as rows of `Result`."""
