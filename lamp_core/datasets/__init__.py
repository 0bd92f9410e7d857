"""Clips and their captions: sources, Parquet files, the procedural data set."""
