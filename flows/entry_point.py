"""Where the installed command ``lamp`` begins: the library alone brings it too, but not what it needs."""

from flows.surroundings import settle
from tasks.system.packages import PIPELINE, PROJECT, missing_packages
from tasks.system.redaction import refuse


def main() -> None:
    """Run ``lamp``; without a package of the extra ``pipeline``, say so in one line and end with status 2."""
    if missing := missing_packages(PIPELINE):
        refuse(f"lamp needs {', '.join(missing)}: pip install '{PROJECT}[{PIPELINE}]'")
    settle()
    from flows.cli import main as lamp

    lamp()
