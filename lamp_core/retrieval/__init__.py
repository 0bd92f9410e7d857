"""LaMP-Feat: retrieval of motions by text and of captions by motion."""

from lamp_core.retrieval.gallery import Gallery, Hit, rerank

__all__ = ["Gallery", "Hit", "rerank"]
