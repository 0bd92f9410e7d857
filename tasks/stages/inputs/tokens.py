"""The token cache of the stage ``tokens``."""

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.cache import TokenCache, read_tokens
from tasks.stage.process import StageContext


def open_tokens(stage: StageContext, features: FeatureSet, tokenizer: MotionTokenizer) -> TokenCache:
    """Read the token cache that belongs to these features and this tokenizer."""
    return read_tokens(
        stage.input("tokens") / "tokens.parquet",
        tokenizer,
        feature_hash=features.feature_hash,
        split_hash=features.split_hash,
    )
