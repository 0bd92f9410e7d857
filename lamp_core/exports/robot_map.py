"""Robot maps (``robots/NAME.yaml``): joints of a robot with axes and limits, and which bones they follow."""

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from lamp_core.config.base import NonNegative, Positive, Section
from lamp_core.io.named_files import read_named

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


def load_robot(name_or_path: str) -> RobotMap:
    """A built-in robot map by its name, or any by the path of its YAML file; LampError as `read_named`."""
    return read_named(RobotMap, "robot map", "lamp_core.exports", "robots", name_or_path)
