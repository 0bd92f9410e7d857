"""From raw clips to clips that can be used, and to features: the stages ``ingest`` and ``features``."""
