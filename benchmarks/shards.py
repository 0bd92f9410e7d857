"""Training from shards: ``python -m benchmarks.shards FOLDER``, of shards that `lamp data shard` made.

The large motion model of profile ``quick`` is trained on them for some steps, with the tokenizer and the
language model of the project: seconds a step, the share of them that was waited for items, and the peak
memory of the process. `make bench` makes a few hundred clips to shards with the features and the tokenizer of
the project, and trains on them for a few steps.
"""

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter

import torch

from benchmarks.child import in_child, peak_mebibytes
from lamp_core.config import profile_config
from lamp_core.large_motion.make_shards import make_shards
from lamp_core.large_motion.train_items import ItemsInShards
from lamp_core.large_motion.training import Items, train_large_motion
from lamp_core.m2t.language_model import load_base
from lamp_core.tokenizers.folder import load_tokenizer
from lamp_core.tokens.shards import ShardSet
from lamp_core.training.waiting import Waiting
from tasks.project import find_project
from tasks.system import resources

STEPS = 200
FEW_CLIPS, FEW_A_SHARD, FEW_STEPS = 600, 75, 20
"""Of `make bench`: seconds."""
NEEDED = ("features", "tokenizer_grid", "language_model")
"""Folders of the project's stages that are read."""


def measure_few(data: Path) -> dict[str, float] | None:
    """Clips a second from the generator to codes, and a training on them; None where no stage ran."""
    if not all((data / name).is_dir() for name in NEEDED):
        return None
    with tempfile.TemporaryDirectory() as made:
        folder, start = Path(made), perf_counter()
        make_shards(
            folder,
            data / "features",
            data / "tokenizer_grid",
            clips=FEW_CLIPS,
            seed=0,
            clips_a_shard=FEW_A_SHARD,
            processes=resources.cores(),
        )
        clips_per_second = FEW_CLIPS / (perf_counter() - start)
        options = ("--data", str(data.resolve()), "--steps", str(FEW_STEPS))
        return {"clips_per_second": clips_per_second, **in_child("benchmarks.shards", made, *options)}


def measure(folder: Path, data: Path, steps: int = STEPS) -> dict[str, float]:
    """Train, and return seconds a step, the share that was waited, and peak memory."""
    torch.set_num_threads(resources.threads())
    quick = profile_config("quick").large_motion
    training = quick.training.model_copy(update={"steps": steps, "validate_every": 0})
    settings = quick.model_copy(update={"training": training})
    tokenizer, waiting = load_tokenizer(data / "tokenizer_grid"), Waiting()
    items = ItemsInShards(ShardSet.open(folder, tokenizer), settings)
    device = torch.device(resources.device_name())
    base = load_base(data / "language_model", device)
    train_large_motion(base, tokenizer, settings, Items(items), waiting=waiting)
    return {
        "items": len(items),
        "seconds_a_step": waiting.step_seconds / steps,
        "waiting_share": waiting.share,
        "peak_mebibytes": peak_mebibytes(device),
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="of shards")
    parser.add_argument("--data", type=Path, help="data folder with tokenizer_grid and language_model")
    parser.add_argument("--steps", type=int, default=STEPS)
    chosen = parser.parse_args()
    data = chosen.data or find_project().data
    print(json.dumps(measure(chosen.folder, data, chosen.steps), indent=2))


if __name__ == "__main__":
    main()
