"""What several stages read in the same way, a module a need: a stage imports no more than it reads."""
