"""The Parquet token cache."""
