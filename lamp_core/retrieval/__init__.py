"""LaMP-Feat: retrieval of motions by text and of captions by motion."""

from lamp_core.retrieval.build import build_gallery
from lamp_core.retrieval.gallery import Gallery, Hit, rerank

__all__ = ["Gallery", "Hit", "build_gallery", "rerank"]
