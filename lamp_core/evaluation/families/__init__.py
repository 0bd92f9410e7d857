"""Families of what is measured, a module a family: a stage imports those that it measures, and no other."""
