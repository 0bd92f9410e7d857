"""What was measured: the only callers of MLflow."""
