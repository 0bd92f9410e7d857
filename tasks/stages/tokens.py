"""Stages ``tokens`` and ``tokens_grid``: encode every item to codes and keep all channels in Parquet.

By hand: ``python -m tasks.stages.tokens``, with ``--stage tokens_grid`` for the second.
"""

from lamp_core.config import Tokens
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of, wordless_items
from lamp_core.tokenizers.clips import channel_usage, encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokens.cache import TokenCache, write_tokens
from tasks.stage.process import StageContext, main
from tasks.stages.inputs.clips import normalised

TRAIN = "train"


def run(stage: StageContext) -> dict[str, float]:
    """Encode all splits, and the train split's clips without captions; report how much of each codebook they
    use."""
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    items = [*items_of(features), *wordless_items(features, TRAIN)]
    clips = [normalised(features, item.features_TD) for item in items]
    codes = encode_clips(tokenizer, clips, stage.settings(Tokens).batch_frames)
    splits = dict(zip(features.clips, features.splits, strict=True))
    cache = TokenCache(
        clips=[item.clip for item in items],
        splits=[splits[item.clip] for item in items],
        starts=[item.start for item in items],
        frames=[item.frames for item in items],
        codes_SR=codes,
        channels=tokenizer.channels,
        downsampling=tokenizer.downsampling,
        tokenizer_identity=tokenizer.identity(),
        feature_hash=features.feature_hash,
        split_hash=features.split_hash,
    )
    write_tokens(stage.output / "tokens.parquet", cache)
    return {
        "items": len(items),
        "tokens": sum(map(len, codes)),
        **channel_usage(codes, tokenizer.channels),
    }


if __name__ == "__main__":
    main("tokens", run)
