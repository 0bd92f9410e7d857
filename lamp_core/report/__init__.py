"""The report page and its tables."""
