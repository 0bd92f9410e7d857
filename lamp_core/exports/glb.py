"""A motion as GLB (glTF 2.0, binary): skeleton, skinned body and animation, by pygltflib (extra ``exports``).

Metres, Y up, forward +Z, as glTF has it.

Shapes: T frames, J joints, V vertices, N numbers.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lamp_core.exports.skinned_body import BodyPart, body_parts
from lamp_core.io.extras import require
from lamp_core.skeleton.fitting import FittedMotion, fit_motion
from lamp_core.skeleton.skeleton import ROOT, Skeleton
from lamp_core.viz.figure import Side, linear_colour

FLOAT, BYTE, SHORT = 5126, 5121, 5123
VERTICES, INDICES = 34962, 34963
ALIGNMENT = 4
ROUGHNESS = 0.75


def require_glb() -> Any:
    """The module ``pygltflib``; LampError without it, before any work is done."""
    return require("pygltflib", "GLB", "pygltflib", "exports")


def save_glb(
    path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, frames_per_second: float, caption: str = ""
) -> None:
    """Write a motion as GLB: a node a joint, a capsule a limb, one animation at the motion's own rate.

    Args:
        path: file to write.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        caption: name of the animation.

    Raises:
        LampError: without pygltflib.
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    gltf = require_glb()
    fitted = fit_motion(joints_TJ3, skeleton).in_metres()
    rest_J3 = fitted.rest_J3
    buffer = _Buffer(gltf)
    count = skeleton.joint_count
    inverse_J44 = np.tile(np.eye(4), (count, 1, 1))
    inverse_J44[:, 3, :3] = -rest_J3  # column-major, as glTF reads it
    file = gltf.GLTF2(
        asset=gltf.Asset(version="2.0", generator="lamp-motion"),
        scene=0,
        scenes=[gltf.Scene(nodes=[0, count])],
        nodes=[*_joint_nodes(gltf, fitted), gltf.Node(name="body", mesh=0, skin=0)],
        skins=[
            gltf.Skin(
                name=skeleton.name,
                joints=list(range(count)),
                skeleton=0,
                inverseBindMatrices=buffer.add(inverse_J44.reshape(count, 16), "MAT4"),
            )
        ],
    )
    parts = body_parts(skeleton, rest_J3)
    file.materials = [_material(gltf, part.side) for part in parts]
    file.meshes = [
        gltf.Mesh(name="body", primitives=[_primitive(gltf, buffer, *item) for item in enumerate(parts)])
    ]
    file.animations = [_animation(gltf, buffer, fitted, frames_per_second, caption or "motion")]
    file.accessors, file.bufferViews = buffer.accessors, buffer.views
    file.buffers = [gltf.Buffer(byteLength=len(buffer.data))]
    file.set_binary_blob(bytes(buffer.data))
    path.write_bytes(b"".join(file.save_to_bytes()))


@dataclass
class _Buffer:
    """The binary half of the file, with what describes it."""

    gltf: Any
    data: bytearray = field(default_factory=bytearray)
    views: list[Any] = field(default_factory=list)
    accessors: list[Any] = field(default_factory=list)

    def add(self, rows: np.ndarray, kind: str, target: int | None = None, dtype: str = "<f4") -> int:
        """Append rows of numbers; returns the accessor. Least and largest stand with all of them."""
        rows = np.ascontiguousarray(rows, dtype=dtype)
        self.data.extend(b"\0" * (-len(self.data) % ALIGNMENT))
        self.views.append(
            self.gltf.BufferView(buffer=0, byteOffset=len(self.data), byteLength=rows.nbytes, target=target)
        )
        self.data.extend(rows.tobytes())
        table = rows.reshape(len(rows), -1)
        self.accessors.append(
            self.gltf.Accessor(
                bufferView=len(self.views) - 1,
                componentType={"<f4": FLOAT, "u1": BYTE, "<u2": SHORT}[dtype],
                count=len(rows),
                type=kind,
                min=table.min(0).tolist(),
                max=table.max(0).tolist(),
            )
        )
        return len(self.accessors) - 1


def _joint_nodes(gltf: Any, fitted: FittedMotion) -> list[Any]:
    skeleton = fitted.skeleton
    places_J3 = fitted.offsets_J3.copy()
    places_J3[0] = fitted.rest_J3[0]
    return [
        gltf.Node(
            name=name,
            translation=places_J3[joint].tolist(),
            rotation=[0.0, 0.0, 0.0, 1.0],
            children=[child for child, parent in enumerate(skeleton.parents) if parent == joint],
        )
        for joint, name in enumerate(skeleton.joints)
    ]


def _material(gltf: Any, side: Side) -> Any:
    colour = gltf.PbrMetallicRoughness(
        baseColorFactor=[*linear_colour(side), 1.0], metallicFactor=0.0, roughnessFactor=ROUGHNESS
    )
    return gltf.Material(name=side, pbrMetallicRoughness=colour)


def _primitive(gltf: Any, buffer: _Buffer, material: int, part: BodyPart) -> Any:
    padded = np.zeros((len(part.vertices_V3), 2))
    return gltf.Primitive(
        material=material,
        indices=buffer.add(part.triangles_F3.reshape(-1), "SCALAR", INDICES, "<u2"),
        attributes=gltf.Attributes(
            POSITION=buffer.add(part.vertices_V3, "VEC3", VERTICES),
            NORMAL=buffer.add(part.normals_V3, "VEC3", VERTICES),
            JOINTS_0=buffer.add(np.hstack((part.joints_V2, padded)), "VEC4", VERTICES, "u1"),
            WEIGHTS_0=buffer.add(np.hstack((part.weights_V2, padded)), "VEC4", VERTICES),
        ),
    )


def _animation(gltf: Any, buffer: _Buffer, fitted: FittedMotion, rate: float, name: str) -> Any:
    """Rotations of all joints, and places of those that no rotation puts where they are."""
    times = buffer.add(np.arange(fitted.places_JT3.shape[1]) / rate, "SCALAR")
    rotations_JT4 = fitted.quaternions_JT4
    animation = gltf.Animation(name=name, samplers=[], channels=[])

    def animate(joint: int, path: str, output: int) -> None:
        animation.samplers.append(gltf.AnimationSampler(input=times, output=output, interpolation="LINEAR"))
        target = gltf.AnimationChannelTarget(node=joint, path=path)
        animation.channels.append(gltf.AnimationChannel(sampler=len(animation.samplers) - 1, target=target))

    for joint, parent in enumerate(fitted.skeleton.parents):
        if parent == ROOT or not fitted.is_rigid_J[joint]:
            animate(joint, "translation", buffer.add(fitted.places_JT3[joint], "VEC3"))
        animate(joint, "rotation", buffer.add(rotations_JT4[joint], "VEC4"))
    return animation
