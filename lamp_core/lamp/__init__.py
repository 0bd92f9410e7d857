"""LaMP: language-motion pretraining."""

from lamp_core.lamp.features import LampFeatures
from lamp_core.lamp.folder import load_lamp, save_lamp, untrained_copy
from lamp_core.lamp.model import LaMP, LaMPShape, Pairs
from lamp_core.lamp.training import PretrainItem, pretrain_items, train_lamp

__all__ = [
    "LaMP",
    "LaMPShape",
    "LampFeatures",
    "Pairs",
    "PretrainItem",
    "load_lamp",
    "pretrain_items",
    "save_lamp",
    "train_lamp",
    "untrained_copy",
]
