"""Stage ``tokens``: encode every item to codes and keep them in Parquet.

By hand: ``python -m tasks.tokens``.
"""

from lamp_core.datasets.features_store import FeatureSet
from lamp_core.datasets.items import items_of
from lamp_core.tokenizers import code_usage, encode_clips, load_tokenizer
from lamp_core.tokens import TokenCache, codebook_hash, write_tokens
from tasks.body import StageContext, main
from tasks.inputs import normalised


def run(stage: StageContext) -> dict[str, float]:
    """Encode all splits; report how much of the codebook they use."""
    features = FeatureSet.load(stage.input("features"))
    tokenizer = load_tokenizer(stage.input("tokenizer")).to(stage.device)
    items = items_of(features)
    clips = [normalised(features, item.features_TD) for item in items]
    codes = encode_clips(tokenizer, clips, stage.config.tokens.batch_frames)
    splits = dict(zip(features.clips, features.splits, strict=True))
    cache = TokenCache(
        clips=[item.clip for item in items],
        splits=[splits[item.clip] for item in items],
        starts=[item.start for item in items],
        frames=[item.frames for item in items],
        tokens_S=codes,
        codebook_hash=codebook_hash(tokenizer),
        feature_hash=features.feature_hash,
        split_hash=features.split_hash,
    )
    write_tokens(stage.output / "tokens.parquet", cache)
    utilisation, perplexity = code_usage(codes, tokenizer.settings.codes)
    return {
        "items": len(items),
        "tokens": sum(map(len, codes)),
        "code_utilisation": utilisation,
        "code_perplexity": perplexity,
    }


if __name__ == "__main__":
    main("tokens", run)
