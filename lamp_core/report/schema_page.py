"""The Parquet files of the pipeline as a page of the documentation, written from their schemas.

``python -m lamp_core.report.schema_page > docs/schema.md`` writes the page; a test holds it against the
code.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from lamp_core.datasets.schema import CLIPS, FEATURES, MANIFEST, REJECTED, DatasetMetadata
from lamp_core.evaluation import word_samples as samples
from lamp_core.evaluation.results import SCHEMA as RESULTS
from lamp_core.evaluation.samples import CAPTIONED, GENERATED
from lamp_core.indexes.dense_gallery import SCHEMA as DENSE_ITEMS
from lamp_core.lexical.gallery import ITEM_SCHEMA as LEXICAL_ITEMS
from lamp_core.lexical.gallery import POSTING_SCHEMA as POSTINGS
from lamp_core.report.experiment_results import SCHEMA as EXPERIMENT
from lamp_core.retrieval.gallery import SCHEMA as GALLERY
from lamp_core.tokens.cache import token_schema
from lamp_core.tokens.shards import shard_schema

CHANNELS = 6
INTRODUCTION = """# Parquet files

Written from the code by `python -m lamp_core.report.schema_page`; a test keeps the two together. Meaning,
unit and shape also stand in the metadata of each field of the files themselves. Rows are held against these
tables as they are written and as they are read: a field that is missing, unknown or of another type, a null
where there may be none, or an array that does not fit its frames is an error that names it.

Arrays lie flattened in a list, row-major. T frames, J joints, D feature numbers a frame, W words. A field
marked *optional* may be null, or be missing in a file from before it was known.
"""


@dataclass(frozen=True)
class Page:
    """One file.

    Args:
        title: where it lies.
        text: who writes and reads it.
        schema: of its rows.
    """

    title: str
    text: str
    schema: pa.Schema


PAGES = (
    Page(
        "data/ingest/clips.parquet",
        "Stage `ingest`: every accepted clip, in the order of the source's names or of its table. In row "
        "groups of\nat most 256 clips or 200,000 frames.",
        CLIPS,
    ),
    Page(
        "data/ingest/rejected.parquet, data/features/rejected.parquet",
        "The clips that were left out.",
        REJECTED,
    ),
    Page(
        "data/features/features.parquet",
        "Stage `features`: in row groups of about 20,000 frames. `mean.npy`, `std.npy` (D) and "
        "`reference.npy`\n(J, 3) stand beside it.",
        FEATURES,
    ),
    Page(
        "data/tokens/tokens.parquet",
        f"Stage `tokens`: as many codes a token as the tokenizer has channels, here {CHANNELS}; a VQ-VAE has "
        "one. The metadata\ntell name, kind and codebook size of each channel and the frames of a token "
        "(downsampling), and hold the identity of the\ntokenizer and the hashes of features and split; a "
        "reader with others is refused.",
        token_schema(CHANNELS),
    ),
    Page(
        "shards: shard-00000.parquet and so on",
        "`lamp data shard`: items of a large motion model. The metadata tell tokenizer, channels and frames "
        "of a token, the kind of\nits clips and what the shard was made from; `shards.json` beside them "
        "holds items, length and hash of every shard.",
        shard_schema(CHANNELS),
    ),
    Page(
        "data/retrieval/items.parquet",
        "Stage `retrieval`: the test split's gallery. The embeddings stand beside it in\n"
        "`embeddings.safetensors` (`motion`, N clips by queries by width, and `text`, N by width); the "
        "metadata say\nhow a similarity is taken over the queries.",
        GALLERY,
    ),
    Page(
        "data/lexical_index/items.parquet",
        "Stage `lexical_index`, and `lamp index`: the motions of an index of words. The metadata hold the "
        "vocabulary and\nname the file of postings that belongs to it.",
        LEXICAL_ITEMS,
    ),
    Page(
        "data/lexical_index/postings-HASH.parquet",
        "The words of these motions, sorted by word.",
        POSTINGS,
    ),
    Page(
        "INDEX/dense.parquet",
        "`lamp index build --dense`: motions by the vectors of a model that compares texts and motions. The "
        "metadata name\nthe model, the hash of its weights, and the shape of a vector.",
        DENSE_ITEMS,
    ),
    Page(
        "data/lexical_index/words.parquet",
        "Stage `lexical_index`: a few test motions as words, which the report shows.",
        samples.WORDS,
    ),
    Page(
        "data/lexical_index/keywords.parquet",
        "Stage `lexical_index`: the first hits of `lexical_index.keywords`, which the report shows.",
        samples.KEYWORDS,
    ),
    Page(
        "data/lexical_index/sparsity.parquet",
        "Stage `lexical_index`: what fewer words cost, which the report draws.",
        samples.SPARSITY,
    ),
    Page(
        "data/evaluate/SYSTEM/results.parquet",
        "Stage `evaluate`, and every measurement of `lamp evaluate`: a number a row, with everything that "
        "decides\nwhat it may be compared with.",
        RESULTS,
    ),
    Page(
        "data/evaluate/SYSTEM/generated.parquet",
        "Stage `evaluate`: motions generated for a few test captions, which the report shows.",
        GENERATED,
    ),
    Page(
        "data/evaluate/SYSTEM/captions.parquet",
        "Stage `evaluate`: captions of a few test motions, which the report shows.",
        CAPTIONED,
    ),
    Page(
        "data/experiments/NAME/results.parquet",
        "`lamp experiment`: the numbers of all rows. `experiment.json` beside it holds the rows and the "
        "tables.",
        EXPERIMENT,
    ),
    Page(
        "The table of `lamp import manifest` (CSV or Parquet)",
        "Yours: [sources/manifest.md](sources/manifest.md). In a CSV file a list is one string with "
        "semicolons between\nthe sentences.",
        MANIFEST,
    ),
)


def page() -> str:
    """Return the whole page in Markdown."""
    return "\n".join([INTRODUCTION, *map(_section, PAGES), _metadata()])


def _section(of: Page) -> str:
    rows = [f"| `{name}` | {' | '.join(told)} |" for name, *told in rows_of(of.schema)]
    head = ["| field | type | unit | shape | meaning |", "|---|---|---|---|---|"]
    return "\n".join([f"## {of.title}", "", of.text, "", *head, *rows, ""])


def rows_of(schema: pa.Schema) -> Iterator[tuple[str, str, str, str, str]]:
    """Name, type, unit, shape and meaning of every field; the fields of structs after their list."""
    yield from _rows(list(schema), "")


def _kind(of: pa.DataType) -> str:
    """A type in words: the fields of a struct are told by rows of their own."""
    if pa.types.is_struct(of):
        return "struct"
    if pa.types.is_fixed_size_list(of):
        return f"{of.list_size} {_kind(of.value_type)}"
    return f"list of {_kind(of.value_type)}" if pa.types.is_list(of) else str(of)


def _rows(fields: Sequence[pa.Field], before: str) -> Iterator[tuple[str, str, str, str, str]]:
    for field in fields:
        told = {key.decode(): text.decode() for key, text in (field.metadata or {}).items()}
        inner = field.type.value_type if pa.types.is_list(field.type) else None
        struct = inner if inner is not None and pa.types.is_struct(inner) else None
        kind = _kind(field.type)
        optional = ", optional" if field.nullable else ""
        unit, shape = told.get("unit", ""), told.get("shape", "")
        yield before + field.name, kind + optional, unit, shape, told["meaning"]
        if struct is not None:
            yield from _rows([struct.field(place) for place in range(struct.num_fields)], f"{field.name}.")


def _metadata() -> str:
    rows = [f"| `{name}` | {field.description} |" for name, field in DatasetMetadata.model_fields.items()]
    title = "## The metadata `lamp` of clips.parquet and features.parquet"
    return "\n".join([title, "", "| key | meaning |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    sys.stdout.write(page())
