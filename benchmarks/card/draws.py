"""Random numbers that are the same on every device."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

DRAWS = frozenset({torch.rand, torch.randn, torch.randint, torch.randperm})
DRAWS_LIKE = frozenset({torch.rand_like, torch.randn_like})
DRAWS_BY = frozenset({torch.multinomial, torch.bernoulli})
DRAWS_INTO = frozenset({Tensor.normal_, Tensor.uniform_, Tensor.random_, Tensor.bernoulli_})
INITIALISES = frozenset({nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_})
ALL_DRAWS = DRAWS | DRAWS_LIKE | DRAWS_BY | DRAWS_INTO | INITIALISES


class DrawnOnCpu(TorchFunctionMode):
    """Inside, whatever is drawn for a card is drawn on the CPU and brought there.

    A card has generators of its own, so that one seed gives other numbers there; masks and negatives would
    differ, and losses could not be compared. Dropout is not among what is drawn here: it has to be off.
    """

    def __init__(self) -> None:
        super().__init__()
        self._twins: dict[int, tuple[torch.Generator, torch.Generator]] = {}

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func not in ALL_DRAWS:
            return func(*args, **given)
        if isinstance(generator := given.get("generator"), torch.Generator):
            given["generator"] = self._twin(generator)
        if func in DRAWS:
            place = given.pop("device", None)
            return func(*args, **given).to(place or "cpu")
        like, *rest = (given.pop("tensor"),) if func in INITIALISES else args
        if func in DRAWS_BY:
            return func(like.cpu(), *rest, **given).to(like.device)
        drawn = func(torch.empty_like(like, device="cpu"), *rest, **given)
        if func in DRAWS_LIKE:
            return drawn.to(like.device)
        with torch.no_grad():
            return like.copy_(drawn)

    def _twin(self, generator: torch.Generator) -> torch.Generator:
        """The generator of the CPU that stands in for a card's, from the same seed on."""
        if generator.device.type == "cpu":
            return generator
        if id(generator) not in self._twins:
            twin = torch.Generator().manual_seed(generator.initial_seed())
            self._twins[id(generator)] = (generator, twin)
        return self._twins[id(generator)][1]
