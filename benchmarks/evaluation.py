"""How long the full text-to-motion evaluation of the trained models takes, and what of it is not generation.

By hand: ``python -m benchmarks.evaluation data bandai-namco``. The models are those of the workspace; where
they were trained on another data set, or are not there, there is nothing to measure.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch

from lamp_core.config import Config, profile_config
from lamp_core.datasets.features_store import FeatureSet
from lamp_core.errors import LampError
from lamp_core.evaluation.families.catalogue import FAMILIES
from lamp_core.evaluation.families.family import Systems
from lamp_core.evaluation.families.family import measure as measure_families
from lamp_core.evaluation.protocols.common import Embedded, TestItems
from lamp_core.evaluation.trained import Trained
from lamp_core.metrics.recall import ranks, same_caption
from lamp_core.systems.lamp import MODELS
from tasks.system import resources

REPEATS = 20
GALLERY = 10_000
FULL = {
    "protocols": ("text-to-motion",),
    "repeats": REPEATS,
    "generations": REPEATS,
    "multimodality_texts": 100,
    "multimodality_motions": 30,
}


def measure(data: Path, name: str = "bandai-namco", whole: bool = True) -> dict[str, Any] | None:
    """Time the evaluation by the protocols' full numbers: 20 repeats, MultiModality of 100 x 30 motions.

    Args:
        data: the project's data folder.
        name: data set that the models have to be of.
        whole: whether the whole evaluation is timed, which takes minutes, or one repeat alone.

    Returns:
        Seconds of one repeat and its parts, of the whole, and of a large gallery; None without the models.
    """
    torch.set_num_threads(resources.threads())
    try:
        features = FeatureSet.load(data / "features")
        trained = Trained(data, _config(), features, torch.device(resources.device_name()), MODELS)
        evaluators = [trained.guo, *trained.further_evaluators]
        generate = list(Systems(trained).generating.values())[-1]
    except LampError:
        return None
    if features.dataset != name:
        return None
    started = time.perf_counter()
    test = TestItems.of(trained.items, features.statistics)
    for evaluator in evaluators:
        Embedded.of(test, evaluator)
    embedded = time.perf_counter()
    captions = test.captions_at(test.draw_captions(trained.settings, 0))
    motions = generate(captions, [item.frames for item in test.items], 0)
    generated = time.perf_counter()
    for evaluator in evaluators:
        evaluator.embed_motions(motions)
    ended = time.perf_counter()
    found = {
        "data": name,
        "cores": resources.threads(),
        "test_clips": len(trained.every_item),
        "items": len(test),
        "embed_test_items_seconds": embedded - started,
        "generate_a_repeat_seconds": generated - embedded,
        "embed_a_repeat_seconds": ended - generated,
        **_large_gallery(),
    }
    if whole:
        started = time.perf_counter()
        measure_families(trained, FAMILIES)
        found["text_to_motion_20_repeats_seconds"] = time.perf_counter() - started
    return found


def _config() -> Config:
    quick = profile_config("quick")
    return quick.model_copy(update={"evaluate": quick.evaluate.model_copy(update=FULL)})


def _large_gallery() -> dict[str, float]:
    """Ranks of a gallery of 10,000, plain and with equal captions right."""
    similarity_NN = torch.randn(GALLERY, GALLERY, generator=torch.Generator().manual_seed(0)).numpy()
    right = same_caption([f"caption {place // 3}" for place in range(GALLERY)])
    started = time.perf_counter()
    ranks(similarity_NN)
    plain = time.perf_counter()
    ranks(similarity_NN, right)
    return {
        f"ranks_{GALLERY}_seconds": plain - started,
        f"ranks_{GALLERY}_equal_captions_seconds": time.perf_counter() - plain,
    }


def main() -> None:
    """Print the measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data_folder", type=Path)
    parser.add_argument("name", nargs="?", default="bandai-namco")
    parser.add_argument("--repeat", action="store_true", help="one repeat alone")
    options = parser.parse_args()
    print(json.dumps(measure(options.data_folder, options.name, not options.repeat), indent=2))


if __name__ == "__main__":
    main()
