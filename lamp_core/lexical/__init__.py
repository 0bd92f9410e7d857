"""Lexical motion-language pretraining: motion and text as weights of the words of one vocabulary."""
