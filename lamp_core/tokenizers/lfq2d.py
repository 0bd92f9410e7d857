"""2-D look-up-free tokenizer: a clip as an image of time by parts (large motion model, section 4.2)."""

from lamp_core.config.tokenizers import GridTokenizer
from lamp_core.features.parts import parts_of
from lamp_core.tokenizers.convolutions import Grid
from lamp_core.tokenizers.lfq import LookupFreeTokenizer, new_signs
from lamp_core.tokenizers.protocol import Channel


class GridLFQ(LookupFreeTokenizer):
    """Signs of d numbers for every part of four frames: T/4 x P codes, of one set of 2^d for all parts.

    Every part has an encoder and a decoder of its own, side by side, which read each other (*switch*
    ``exchange``). None of the channels can be left out.
    """

    def __init__(self, feature_count: int, settings: GridTokenizer) -> None:
        parts = parts_of(feature_count, settings.division)
        grid = Grid(tuple(part.columns for part in parts), settings.part_dim, settings.exchange)
        super().__init__(feature_count, settings, new_signs(settings), grid)
        self.parts = parts

    @property
    def channels(self) -> tuple[Channel, ...]:
        """One a part, of kind ``grid part``."""
        return tuple(Channel(part.name, "grid part", self.quantiser.codes) for part in self.parts)
