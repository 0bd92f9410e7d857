"""Files: arrays nobody vouches for, durable writes, Parquet with a written schema."""
