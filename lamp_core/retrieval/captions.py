"""Which caption of an item that has several is compared with the motions of a gallery."""

from collections.abc import Sequence

import torch

from lamp_core.config.models import Retrieval
from lamp_core.datasets.items import Item


def gallery_captions(items: Sequence[Item], settings: Retrieval) -> list[str]:
    """One caption of each item, the first or one that is drawn by seed."""
    texts = [[caption.text for caption in item.captions] for item in items]
    return first_captions(texts) if settings.captions == "first" else random_captions(texts, settings.seed)


def first_captions(captions: Sequence[Sequence[str]]) -> list[str]:
    """Return the first caption of each item."""
    return [of_item[0] for of_item in captions]


def random_captions(captions: Sequence[Sequence[str]], seed: int) -> list[str]:
    """Return one caption of each item, drawn by seed."""
    generator = torch.Generator().manual_seed(seed)
    return [of_item[int(torch.randint(len(of_item), (), generator=generator))] for of_item in captions]
