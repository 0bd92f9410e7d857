"""Robot maps (``robots/NAME.yaml``): joints of a robot with axes and limits, and which bones they follow."""

from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from lamp_core.config.base import NonNegative, Positive, Section
from lamp_core.errors import LampError
from lamp_core.io.text import composed, read_text
from lamp_core.io.yaml_text import parse_yaml

BASE = "pelvis"
"""What the first joints of a robot hang on."""
FEWEST_DIRECTION = 1e-6
Direction = tuple[float, float, float]


class RobotJoint(Section):
    """A hinge of the robot."""

    name: str = Field(min_length=1, description="name, the column of its angle")
    after: str = Field(description="the joint before it in its limb, or pelvis")
    axis: Direction = Field(description="it turns about, where all joints stand at zero; X forward, Z up")
    lower: float = Field(description="least angle, radians")
    upper: float = Field(description="largest angle, radians")
    velocity: Positive = Field(description="fastest, radians per second")
    stiffness: NonNegative = Field(0.0, description="pull towards zero, beside the weight 1 of a bone")

    @model_validator(mode="after")
    def _turns(self) -> "RobotJoint":
        if self.lower >= self.upper:
            raise ValueError(f"lower {self.lower} is not below upper {self.upper}")
        return self


class RobotBone(Section):
    """A direction of the robot that follows one of the body."""

    turned_by: str = Field(description="the last joint that turns it")
    start: str = Field(alias="from", description="joint of the body at which it starts")
    end: str = Field(alias="to", description="joint of the body to which it points")
    direction: Direction = Field(description="where it points when all joints stand at zero")
    weight: Positive = Field(1.0, description="of its deviation, beside those of the others")


class RobotMap(Section):
    """How motions of a body become angles of a robot's joints."""

    name: str = Field(min_length=1, description="name of the robot")
    frames_per_second: Annotated[float, Field(gt=0, le=1000)] = Field(description="rows per second")
    pelvis_height: Positive = Field(description="of the pelvis above the floor, joints at zero, metres")
    joints: tuple[RobotJoint, ...] = Field(min_length=1, description="in the order of the columns")
    bones: tuple[RobotBone, ...] = Field(min_length=1, description="directions that follow the body")

    @field_validator("joints")
    @classmethod
    def _hang_together(cls, joints: tuple[RobotJoint, ...]) -> tuple[RobotJoint, ...]:
        known = {BASE}
        for joint in joints:
            if joint.name in known:
                raise ValueError(f"{joint.name} stands there twice")
            if joint.after not in known:
                raise ValueError(f"{joint.name} comes after {joint.after}, which does not stand before it")
            known.add(joint.name)
        return joints

    @model_validator(mode="after")
    def _bones_have_joints(self) -> "RobotMap":
        names = {joint.name for joint in self.joints}
        if unknown := sorted({bone.turned_by for bone in self.bones} - names):
            raise ValueError(f"bones are turned by {', '.join(unknown)}, which are no joints")
        for what, vector in [(joint.name, joint.axis) for joint in self.joints] + [
            (f"{bone.start} to {bone.end}", bone.direction) for bone in self.bones
        ]:
            if max(map(abs, vector)) < FEWEST_DIRECTION:
                raise ValueError(f"{what} has no direction")
        return self


def robot_names() -> list[str]:
    """Names of the built-in robot maps, sorted."""
    maps = resources.files("lamp_core.exports") / "robots"
    return sorted(
        entry.name.removesuffix(".yaml") for entry in maps.iterdir() if entry.name.endswith(".yaml")
    )


@lru_cache
def load_robot(name_or_path: str) -> RobotMap:
    """A built-in robot map by its name, or any by the path of its YAML file.

    Raises:
        LampError: no such map, or one that cannot be read; the message names the fault.
    """
    if name_or_path in robot_names():
        built_in = resources.files("lamp_core.exports") / "robots" / f"{name_or_path}.yaml"
        return _parse(built_in.read_text(encoding="utf-8"), name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        known = ", ".join(robot_names())
        raise LampError(f"unknown robot {name_or_path!r}; known: {known}, or the path of a YAML file")
    return _parse(composed(read_text(path)), str(path))


def _parse(text: str, origin: str) -> RobotMap:
    try:
        return RobotMap.model_validate(parse_yaml(text))
    except yaml.YAMLError as error:
        raise LampError(f"robot map {origin} is not YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors()]
        raise LampError(f"robot map {origin} has faults: {'; '.join(faults)}") from error
