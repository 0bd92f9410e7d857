"""The panels of the page: each declared here, in the order of its tabs, with what it asks the server for."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from lamp_core.errors import LampError
from lamp_core.inference.models import loaded
from lamp_core.page.compare import BlindAnswer, CompareRequest, CountsRequest, answer_blind, compare, count
from lamp_core.page.describe import DescribeRequest, describe
from lamp_core.page.edit import EditRequest, MotionRequest, edit, open_motion
from lamp_core.page.gallery import GalleryRequest, gallery
from lamp_core.page.generate import GenerateRequest, Request, generate
from lamp_core.page.search import SearchRequest, search
from lamp_core.page.workshop import Answer, Workshop
from lamp_core.systems.capabilities import (
    CAPTION,
    COMPLETE,
    EDIT_PARTS,
    GENERATE,
    SAY_WORDS,
    SIMILARITY,
    EditsParts,
)
from lamp_core.systems.catalogue import MODELS
from lamp_core.systems.model import trained_models


@dataclass(frozen=True)
class Action:
    """Something that the browser asks the server for, below ``/api/``.

    Args:
        name: last part of its address.
        request: what is sent, as JSON.
        perform: does it.
    """

    name: str
    request: type[Request]
    perform: Callable[[Workshop, Any], Answer]


@dataclass(frozen=True)
class Panel:
    """A tab of the page; its module in the browser has its name.

    Args:
        name: of its address and module.
        title: of its tab.
        needs: capabilities of models, of which one is enough to work with; none where it asks none.
        actions: what it asks for.
    """

    name: str
    title: str
    needs: tuple[str, ...]
    actions: tuple[Action, ...]


PANELS = (
    Panel("generate", "Generate", (GENERATE,), (Action("generate", GenerateRequest, generate),)),
    Panel(
        "edit",
        "Edit",
        (COMPLETE, EDIT_PARTS),
        (Action("edit", EditRequest, edit), Action("open", MotionRequest, open_motion)),
    ),
    Panel(
        "describe",
        "Describe",
        (CAPTION, SAY_WORDS, SIMILARITY),
        (Action("describe", DescribeRequest, describe),),
    ),
    Panel("search", "Search", (SIMILARITY,), (Action("search", SearchRequest, search),)),
    Panel("gallery", "Gallery", (), (Action("gallery", GalleryRequest, gallery),)),
    Panel(
        "compare",
        "Compare",
        (GENERATE,),
        (
            Action("compare", CompareRequest, compare),
            Action("answers", BlindAnswer, answer_blind),
            Action("counts", CountsRequest, count),
        ),
    ),
    Panel("runs", "Runs", (), ()),
)


def page_state(workshop: Workshop) -> Answer:
    """What the page has to know before anything is asked: its panels, models and limits."""
    return {
        "panels": [
            {"name": panel.name, "title": panel.title, "missing": missing(workshop, panel.needs)}
            for panel in PANELS
        ],
        "models": {able: models_of(workshop, able) for able in (GENERATE, COMPLETE, CAPTION, SIMILARITY)},
        "parts": parts_of(workshop),
        **data_state(workshop),
    }


def missing(workshop: Workshop, needs: tuple[str, ...]) -> str:
    """What to run before a panel works, by the first of what it needs; empty where it does."""
    if not needs or any(models_of(workshop, capability) for capability in needs):
        return ""
    try:
        trained_models(MODELS, workshop.data, needs[0])
    except LampError as fault:
        return str(fault)
    return ""


def models_of(workshop: Workshop, capability: str) -> list[str]:
    """Names of the trained models that can do it."""
    try:
        return [model.name for model in trained_models(MODELS, workshop.data, capability)]
    except LampError:
        return []


def parts_of(workshop: Workshop) -> list[str]:
    """Names of the parts that can be made anew one by one; none without a sound model that does."""
    if not models_of(workshop, EDIT_PARTS):
        return []
    with suppress(LampError):
        editing: EditsParts = loaded(workshop.data, EDIT_PARTS)
        return list(editing.parts)
    return []


def data_state(workshop: Workshop) -> Answer:
    """The data set of the models; what is known without it where the stage features has not run."""
    try:
        clips = workshop.clips
    except LampError as fault:
        return {"dataset": None, "fault": str(fault)}
    skeleton = clips.space.skeleton
    return {"dataset": clips.dataset, "skeleton": skeleton.name, "rate": skeleton.frames_per_second}


def load_models(workshop: Workshop) -> None:
    """Load what the panels ask, so that the first request does not wait for it; what is missing stays so."""
    for capability in dict.fromkeys(capability for panel in PANELS for capability in panel.needs):
        if models_of(workshop, capability):
            with suppress(LampError), workshop.turn():
                loaded(workshop.data, capability)
