"""The commands of ``lamp``, a module a concept; heavy imports happen inside the commands."""
