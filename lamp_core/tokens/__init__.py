"""The Parquet token cache."""

from lamp_core.tokens.cache import TokenCache, codebook_hash, read_tokens, write_tokens

__all__ = ["TokenCache", "codebook_hash", "read_tokens", "write_tokens"]
