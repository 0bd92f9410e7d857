"""The trained models of a project, measured by every protocol: the stage ``evaluate`` and `lamp evaluate`."""
