"""The commands of ``lamp``: each declared here, in the order and under the headings of ``lamp --help``."""

from dataclasses import dataclass

RUN, DATA, MOTION, MEASURE, MACHINES = "Run", "Data", "Motion and text", "Measure", "Models and machines"


@dataclass(frozen=True)
class Command:
    """A command, or a group of them.

    Args:
        name: behind ``lamp``.
        section: heading of its line in ``lamp --help``.
        help: that line.
        module: in ``flows.commands``; that of its name by default. It holds the function of the command's
            name, or an ``app`` with several.
    """

    name: str
    section: str
    help: str
    module: str = ""

    @property
    def path(self) -> str:
        """Its module's full name."""
        return f"flows.commands.{self.module or self.name}"


COMMANDS = (
    Command("run", RUN, "Bring every stage of a system up to date, and record it all."),
    Command("resume", RUN, "Run a failed or killed run again, from its last checkpoints."),
    Command("status", RUN, "Show every stage: fresh, stale and why, missing, running or waiting."),
    Command("experiment", RUN, "Run the rows of an experiment's file as tracked runs."),
    Command("import", DATA, "Register motion data; `lamp run --data NAME` then uses it.", "import_data"),
    Command("data", DATA, "Look at registered data sets, or generate clips to shards."),
    Command("features", MOTION, "Turn joint positions into motion features."),
    Command("joints", MOTION, "Turn motion features back into joint positions.", "features"),
    Command("export", MOTION, "Write a motion for other programs: BVH, GLB, USD, AMASS, a robot, pictures."),
    Command("generate", MOTION, "Make motions of a text."),
    Command("edit", MOTION, "Make a part of a motion anew, or go on from it."),
    Command("caption", MOTION, "Say what happens in a motion."),
    Command("ask", MOTION, "Make, continue or describe motions by an instruction; alone, a conversation."),
    Command("search", MOTION, "Find motions by a text, or captions by a motion."),
    Command("explain", MOTION, "Say a motion in words with their weights."),
    Command("page", MOTION, "Open a page in the browser to generate, edit, describe, search and compare."),
    Command("index", MOTION, "Keep an index of motions by their words."),
    Command("evaluate", MEASURE, "Measure the trained models, or another system's motions or captions."),
    Command("compare", MEASURE, "Set runs or experiments side by side."),
    Command("promote", MACHINES, "Give a registered model an alias, or list the models."),
    Command("fetch", MACHINES, "Write a registered model, and what it is made with, to a folder.", "promote"),
    Command("worker", MACHINES, "Workers: stages on several machines; docs/cluster.md."),
    Command("doctor", MACHINES, "Look at this machine and say what does not work."),
    Command("ui", MACHINES, "Open the MLflow and Prefect pages of this project."),
)
