"""Shards of the procedural data set: generator, checks, features and tokenizer, a shard a task.

Nothing but codes and captions is kept of a clip, so that memory does not grow with the set. Only clips of the
train split are made: a number is of the same split whatever the seed, so that nothing is trained on that a
project measures on.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count, islice
from pathlib import Path

import numpy as np

from lamp_core.datasets.clips import Clip
from lamp_core.datasets.features_store import FEATURES_FILE, FeatureSet, load_reference
from lamp_core.datasets.items import items_of
from lamp_core.datasets.parallel import in_order
from lamp_core.datasets.preprocessing.clip_checks import check_clip
from lamp_core.datasets.preprocessing.feature_extraction import encode_joints
from lamp_core.datasets.schema import FEATURES, load_metadata
from lamp_core.datasets.synthetic.generate import CLIPS_A_BLOCK, GENERATOR_VERSION, generate_block, split_of
from lamp_core.features.statistics import FeatureStatistics
from lamp_core.io.kept import kept
from lamp_core.io.parquet import open_parquet
from lamp_core.large_motion.kinds import SYNTHETIC
from lamp_core.skeleton.skeleton import Skeleton, load_skeleton
from lamp_core.tokenizers.clips import encode_clips
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokenizers.protocol import MotionTokenizer
from lamp_core.tokens.shards import (
    ShardAbout,
    ShardEntry,
    ShardSet,
    StoredItem,
    check_made_of,
    shard_about,
    shard_name,
    standing_shard,
    write_shard,
)

SOURCE = "procedural"
CLIPS_TOGETHER = 256
"""Clips whose joints and features are in memory at once."""
ENCODED_FRAMES = 3_000
"""Frames that are encoded at once: a core's caches hold what they become, so that 1.5 times as many pass a
second as of 20,000."""
REMEDY = "`lamp run --until tokenizer_grid` makes it"
MIN_FRAMES = 6
"""Joint frames of the shortest clip: one motion token, a frame for its velocities and one to spare."""

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Encoder:
    """What makes codes of clips.

    Args:
        skeleton: of the features.
        reference_J3: pose whose bone lengths every clip is given.
        statistics: that features are normalised by.
        tokenizer: trained on such features.
    """

    skeleton: Skeleton
    reference_J3: np.ndarray
    statistics: FeatureStatistics
    tokenizer: MotionTokenizer

    @classmethod
    def load(cls, features: Path, tokenizer: Path) -> "Encoder":
        """Read the folders of the stages ``features`` and ``tokenizer_grid``.

        Raises:
            LampError: there is nothing in one of them.
        """
        path = features / FEATURES_FILE
        metadata = load_metadata(path, open_parquet(path, FEATURES, REMEDY))
        return cls(
            load_skeleton(metadata.skeleton),
            load_reference(features),
            FeatureStatistics.load(features),
            load_tokenizer(tokenizer),
        )

    def hash(self) -> str:
        """Hash of what the features are made with."""
        digest = hashlib.sha256(self.skeleton.name.encode())
        for values in (self.reference_J3, self.statistics.mean_D, self.statistics.std_D):
            digest.update(np.ascontiguousarray(values, dtype=np.float32).tobytes())
        return digest.hexdigest()[:16]

    def stored(self, clips: Sequence[Clip]) -> Iterator[StoredItem]:
        """Items of clips with captions, each with its codes; a clip without features is left out."""
        found = encode_joints([clip.joints_TJ3 for clip in clips], self.skeleton.name, self.reference_J3)
        pairs = [
            (clip, outcome)
            for clip, outcome in zip(clips, found, strict=True)
            if isinstance(outcome, np.ndarray)
        ]
        items = [item for item in items_of(self._feature_set(pairs)) if item.captions]
        normalised = [
            np.asarray(self.statistics.normalise(item.features_TD), dtype=np.float32) for item in items
        ]
        for item, codes_SR in zip(
            items, encode_clips(self.tokenizer, normalised, ENCODED_FRAMES), strict=True
        ):
            clip, start, frames = item.key
            captions = tuple(caption.text for caption in item.captions)
            yield StoredItem(f"{clip}:{start}:{frames}", codes_SR, captions, item.part_captions)

    def _feature_set(self, pairs: Sequence[tuple[Clip, np.ndarray]]) -> FeatureSet:
        return FeatureSet(
            clips=[clip.name for clip, _ in pairs],
            splits=[clip.split for clip, _ in pairs],
            captions=[clip.captions for clip, _ in pairs],
            part_captions=[clip.part_captions for clip, _ in pairs],
            features=[features_TD for _, features_TD in pairs],
            skeleton=self.skeleton,
            statistics=self.statistics,
            reference_J3=self.reference_J3,
            dataset=SOURCE,
            version="",
            feature_hash="",
            split_hash="",
        )


@dataclass(frozen=True)
class ShardJob:
    """A shard that is to be made.

    Args:
        path: its file.
        numbers: of its clips.
        seed: of the generator.
        about: what its metadata tell.
        known: what the manifest of before tells of it.
        outgrown: what the metadata of a shorter one in its place tell, which ended the set of before.
    """

    path: Path
    numbers: tuple[int, ...]
    seed: int
    about: ShardAbout
    known: ShardEntry | None
    outgrown: ShardAbout | None


def make_shards(
    folder: Path,
    features: Path,
    tokenizer: Path,
    *,
    clips: int,
    seed: int,
    clips_a_shard: int,
    processes: int = 1,
    cluster: str | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> ShardSet:
    """Make the first clips of a seed's train split to shards of codes; shards that stand are not made again.

    A set grows: with more clips than before the shards that are new are made, and the last of before, where
    it was shorter. What else stands in the folder is looked at before anything is made.

    Args:
        folder: to write to.
        features: folder of the stage ``features``, by whose statistics features are normalised.
        tokenizer: folder of a trained tokenizer.
        clips: how many.
        seed: of the generator.
        clips_a_shard: of every shard but the last.
        processes: of this machine; a cluster has its own.
        cluster: address of a Dask scheduler, whose workers need these folders under the same paths.
        on_progress: called with the clips done and the number of all.

    Raises:
        LampError: features or tokenizer are missing, the folder has shards of something else, or no room.
    """
    folder, features, tokenizer = folder.resolve(), features.resolve(), tokenizer.resolve()
    encoder = Encoder.load(features, tokenizer)
    jobs = list(_jobs(folder, encoder, clips, seed, clips_a_shard))
    for job in jobs:
        _check_standing(job)
    make = partial(made_shard, features=features, tokenizer=tokenizer)
    entries, done = [], 0
    for job, entry in zip(jobs, in_order(make, jobs, processes=processes, cluster=cluster), strict=True):
        entries.append(entry)
        done += len(job.numbers)
        on_progress(done, clips)
    codes = encoder.tokenizer
    return ShardSet(folder, codes.identity(), codes.downsampling, codes.channels, tuple(entries)).write()


def made_shard(job: ShardJob, features: Path, tokenizer: Path) -> ShardEntry:
    """The shard of a job, made unless it stands whole already."""
    is_outgrown = job.outgrown is not None and shard_about(job.path) == job.outgrown
    standing = None if is_outgrown else standing_shard(job.path, job.about, job.known)
    if standing is not None:
        return standing
    encoder = kept(
        ("shards", features, tokenizer), [features, tokenizer], partial(Encoder.load, features, tokenizer)
    )
    items: list[StoredItem] = []
    for first in range(0, len(job.numbers), CLIPS_TOGETHER):
        items += encoder.stored(
            list(_clips(job.numbers[first : first + CLIPS_TOGETHER], job.seed, encoder.skeleton))
        )
    return write_shard(job.path, items, job.about)


def _check_standing(job: ShardJob) -> None:
    """Raise LampError where a file in the place of a shard is of something else."""
    told = shard_about(job.path)
    if told is not None and told != job.outgrown:
        check_made_of(job.path, told, job.about)


def _clips(numbers: Sequence[int], seed: int, skeleton: Skeleton) -> Iterator[Clip]:
    """The clips of some numbers that pass the checks of the stage ``ingest``."""
    for first in range(0, len(numbers), CLIPS_A_BLOCK):
        for clip in generate_block(numbers[first : first + CLIPS_A_BLOCK], seed, skeleton):
            if not any(finding.rejects for finding in check_clip(clip, skeleton, None, MIN_FRAMES)):
                yield clip


def _jobs(folder: Path, encoder: Encoder, clips: int, seed: int, size: int) -> Iterator[ShardJob]:
    numbers = list(islice((number for number in count() if split_of(number) == "train"), clips))
    known = {entry.file: entry for entry in ShardSet.noted(folder)}
    codes, identity, made_with = encoder.tokenizer, encoder.tokenizer.identity(), encoder.hash()
    for place, first in enumerate(range(0, clips, size)):
        own = numbers[first : first + size]
        recipe = {
            "clips": _range(own),
            "seed": seed,
            "generator": GENERATOR_VERSION,
            "parts": True,  # captions of them are kept; shards from before have none
            "features": made_with,
        }
        about = ShardAbout(
            tokenizer_identity=identity,
            downsampling=codes.downsampling,
            channels=codes.channels,
            kind=SYNTHETIC,
            recipe=json.dumps(recipe),
        )
        name, following = shard_name(place), folder / shard_name(place + 1)
        outgrown = None if following.exists() else _outgrown(folder / name, about, own)
        yield ShardJob(folder / name, tuple(own), seed, about, known.get(name), outgrown)


def _range(numbers: Sequence[int]) -> str:
    """What a recipe says of the numbers of its clips."""
    return f"{SOURCE} {numbers[0]} to {numbers[-1]}, {len(numbers)}"


def _outgrown(path: Path, about: ShardAbout, numbers: Sequence[int]) -> ShardAbout | None:
    """What a shard in this place tells that differs in holding fewer of the same numbers alone."""
    told = shard_about(path)
    if told is None:
        return None
    recipe = json.loads(about.recipe)
    shorter = {json.dumps({**recipe, "clips": _range(numbers[:end])}) for end in range(1, len(numbers))}
    is_shorter = told.is_same_but_longest(about.model_copy(update={"recipe": told.recipe}))
    return told if is_shorter and told.recipe in shorter else None
