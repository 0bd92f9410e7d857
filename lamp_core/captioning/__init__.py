"""LaMP-M2T: motion to captions by a language model with soft motion tokens and LoRA."""

from lamp_core.captioning.attention import WordAttention
from lamp_core.captioning.captioner import Captioner, load_captioner
from lamp_core.captioning.decoding import Search
from lamp_core.captioning.windows import TimedCaption, caption_windows, windows

__all__ = [
    "Captioner",
    "Search",
    "TimedCaption",
    "WordAttention",
    "caption_windows",
    "load_captioner",
    "windows",
]
