"""Every check, in the order in which they are made."""

from functools import partial

from benchmarks.card.agreement import COMPILED, compiled, precision
from benchmarks.card.answers import captioning, generation, quantised
from benchmarks.card.check import Check, Form
from benchmarks.card.processes import RESUMED, SHARED, resumed, sharded, shared
from benchmarks.card.speed import PROFILE, limits, profile_stage
from lamp_core.systems.capabilities import CAPTION, GENERATE
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import with_capability
from tasks.stages.catalogue import CATALOGUE


def all_checks(form: Form) -> list[Check]:
    """Those of every trained stage and every model that the catalogues know."""
    trained = CATALOGUE.trained()
    generating, captioned = (with_capability(MODELS, what) for what in (GENERATE, CAPTION))
    wanting = [name for name, stage in CATALOGUE.stages.items() if stage.wants_card]
    return [
        Check("limits", limits, "of the CPU"),
        *(Check(f"bfloat16 {name}", partial(precision, name), "bfloat16 of the CPU") for name in trained),
        *(Check(f"compile {name}", partial(compiled, name), "traced, no kernels") for name in COMPILED),
        *(Check(f"DDP {name}", partial(shared, name), "gloo in place of nccl") for name in SHARED),
        Check("FSDP large_motion", sharded, "gloo in place of nccl"),
        *(Check(f"resume {name}", partial(resumed, name), "on the CPU") for name in RESUMED),
        *(
            Check(f"generate {model.name}", partial(generation, model.name), "the CPU beside itself")
            for model in generating
        ),
        *(
            Check(f"caption {model.name}", partial(captioning, model.name), "the CPU beside itself")
            for model in captioned
        ),
        Check("caption with 4 bits", quantised, "not at all"),
        *(
            Check(f"{PROFILE} {name}", partial(profile_stage, name), "profile smoke, on the CPU")
            for name in wanting
        ),
    ]
