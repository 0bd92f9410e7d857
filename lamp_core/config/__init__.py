"""Configuration: frozen models of ``params.yaml``, profiles and overrides."""

from lamp_core.config.base import Optimisation, Section
from lamp_core.config.captioning import LanguageModel, MotionToText
from lamp_core.config.evaluation import Evaluate
from lamp_core.config.files import (
    load_params,
    override,
    profile_config,
    profile_names,
    render_params,
    save_params,
)
from lamp_core.config.large_motion import LargeMotion
from lamp_core.config.lexical import (
    LexicalBridge,
    LexicalContrast,
    LexicalIndexing,
    LexicalMotion,
    LexicalText,
)
from lamp_core.config.models import (
    Config,
    Evaluator,
    Features,
    Ingest,
    Length,
    Pretrain,
    Report,
    Residual,
    Retrieval,
    TextBackbone,
    TextToMotion,
    Tokens,
)
from lamp_core.config.motion_language import Alignment, Instruction
from lamp_core.config.tokenizers import ConvolutionalSizes, GridTokenizer, Tokenizer

__all__ = [
    "Alignment",
    "Config",
    "ConvolutionalSizes",
    "Evaluate",
    "Evaluator",
    "Features",
    "GridTokenizer",
    "Ingest",
    "Instruction",
    "LanguageModel",
    "LargeMotion",
    "Length",
    "LexicalBridge",
    "LexicalContrast",
    "LexicalIndexing",
    "LexicalMotion",
    "LexicalText",
    "MotionToText",
    "Optimisation",
    "Pretrain",
    "Report",
    "Residual",
    "Retrieval",
    "Section",
    "TextBackbone",
    "TextToMotion",
    "Tokenizer",
    "Tokens",
    "load_params",
    "override",
    "profile_config",
    "profile_names",
    "render_params",
    "save_params",
]
