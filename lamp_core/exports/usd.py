"""A motion as USD (``.usd``, ``.usda``, ``.usdc``, ``.usdz``) with UsdSkel, by usd-core (extra ``exports``).

Metres, Y up. A time code is a frame.

Shapes: T frames, J joints, V vertices.
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from lamp_core.errors import LampError
from lamp_core.exports.skinned_body import BodyPart, body_parts
from lamp_core.io.extras import require
from lamp_core.skeleton.fitting import FittedMotion, fit_motion
from lamp_core.skeleton.skeleton import ROOT, Skeleton
from lamp_core.viz.figure import linear_colour

ROOT_PATH = "/Motion"
ROUGHNESS = 0.75
PACKAGE = ".usdz"


def require_usd() -> Any:
    """The module ``pxr``; LampError without it, before any work is done."""
    return require("pxr", "USD", "usd-core", "exports")


def save_usd(
    path: Path, joints_TJ3: np.ndarray, skeleton: Skeleton, frames_per_second: float, caption: str = ""
) -> None:
    """Write a motion as a USD stage: a skeleton with its animation, and a skinned mesh a side of the body.

    Args:
        path: file to write; ``.usda`` is text, ``.usdz`` a package, the others are binary.
        joints_TJ3: positions in the skeleton's unit.
        skeleton: whose joints they are.
        frames_per_second: of the motion.
        caption: kept as the comment of the stage.

    Raises:
        LampError: without usd-core.
        RejectedClip: ``joint-count``, ``empty`` or ``not-finite``.
    """
    require_usd()
    from pxr import Sdf, UsdUtils

    fitted = fit_motion(joints_TJ3, skeleton).in_metres()
    if path.suffix.lower() != PACKAGE:
        _write_stage(path, fitted, frames_per_second, caption)
        return
    with TemporaryDirectory(dir=path.parent, prefix=".lamp-") as folder:
        layer = Path(folder) / f"{path.stem}.usdc"
        _write_stage(layer, fitted, frames_per_second, caption)
        if not UsdUtils.CreateNewUsdzPackage(Sdf.AssetPath(str(layer)), str(path)):
            raise LampError(f"{path}: USD could not write the package")


def _write_stage(path: Path, fitted: FittedMotion, frames_per_second: float, caption: str) -> None:
    from pxr import Usd, UsdGeom, UsdSkel

    stage = Usd.Stage.CreateInMemory()
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.y)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    stage.SetTimeCodesPerSecond(frames_per_second)
    stage.SetFramesPerSecond(frames_per_second)
    stage.SetStartTimeCode(0)
    stage.SetEndTimeCode(fitted.places_JT3.shape[1] - 1)
    stage.GetRootLayer().comment = caption
    root = UsdSkel.Root.Define(stage, ROOT_PATH)
    stage.SetDefaultPrim(root.GetPrim())
    rig = _skeleton(stage, fitted)
    animation = _animation(stage, fitted)
    UsdSkel.BindingAPI.Apply(rig.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    for part in body_parts(fitted.skeleton, fitted.rest_J3):
        mesh = _mesh(stage, part)
        binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
        binding.CreateSkeletonRel().SetTargets([rig.GetPath()])
        binding.CreateJointIndicesPrimvar(False, 2).Set(_ints(part.joints_V2))
        binding.CreateJointWeightsPrimvar(False, 2).Set(_floats(part.weights_V2))
    stage.GetRootLayer().Export(str(path))


def _skeleton(stage: Any, fitted: FittedMotion) -> Any:
    from pxr import UsdSkel

    rest_J3 = fitted.rest_J3
    local_J3 = fitted.offsets_J3.copy()
    local_J3[0] = rest_J3[0]
    rig = UsdSkel.Skeleton.Define(stage, f"{ROOT_PATH}/Skeleton")
    rig.CreateJointsAttr(joint_paths(fitted.skeleton))
    rig.CreateBindTransformsAttr(_moved(rest_J3))
    rig.CreateRestTransformsAttr(_moved(local_J3))
    return rig


def joint_paths(skeleton: Skeleton) -> list[str]:
    """The joints as UsdSkel names them: with all joints above, ``pelvis/left_hip``."""
    paths: list[str] = []
    for name, parent in zip(skeleton.joints, skeleton.parents, strict=True):
        paths.append(name if parent == ROOT else f"{paths[parent]}/{name}")
    return paths


def _animation(stage: Any, fitted: FittedMotion) -> Any:
    from pxr import Gf, UsdSkel, Vt

    joints, frames = fitted.places_JT3.shape[:2]
    places_JT3 = np.where(
        np.array(fitted.is_rigid_J)[:, None, None], fitted.offsets_J3[:, None], fitted.places_JT3
    )
    rotations_JT4 = fitted.quaternions_JT4
    animation = UsdSkel.Animation.Define(stage, f"{ROOT_PATH}/Animation")
    animation.CreateJointsAttr(joint_paths(fitted.skeleton))
    animation.CreateScalesAttr(Vt.Vec3hArray([Gf.Vec3h(1, 1, 1)] * joints))
    translations, rotations = animation.CreateTranslationsAttr(), animation.CreateRotationsAttr()
    for frame in range(frames):
        translations.Set(_vectors(places_JT3[:, frame]), frame)
        turned = [Gf.Quatf(w, x, y, z) for x, y, z, w in rotations_JT4[:, frame].tolist()]
        rotations.Set(Vt.QuatfArray(turned), frame)
    return animation


def _mesh(stage: Any, part: BodyPart) -> Any:
    from pxr import Gf, UsdGeom, UsdShade

    mesh = UsdGeom.Mesh.Define(stage, f"{ROOT_PATH}/{part.side}")
    points = _vectors(part.vertices_V3)
    mesh.CreatePointsAttr(points)
    mesh.CreateExtentAttr(UsdGeom.PointBased.ComputeExtent(points))
    mesh.CreateNormalsAttr(_vectors(part.normals_V3))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    mesh.CreateFaceVertexCountsAttr(_ints(np.full(len(part.triangles_F3), 3)))
    mesh.CreateFaceVertexIndicesAttr(_ints(part.triangles_F3))
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    colour = Gf.Vec3f(*linear_colour(part.side))
    mesh.CreateDisplayColorAttr([colour])
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(_material(stage, part.side, colour))
    return mesh


def _material(stage: Any, side: str, colour: Any) -> Any:
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, f"{ROOT_PATH}/Materials/{side}")
    shader = UsdShade.Shader.Define(stage, f"{ROOT_PATH}/Materials/{side}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).Set(colour)
    shader.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(ROUGHNESS)
    material.CreateSurfaceOutput().ConnectToSource(shader.ConnectableAPI(), "surface")
    return material


def _moved(places_J3: np.ndarray) -> Any:
    from pxr import Gf, Vt

    return Vt.Matrix4dArray([Gf.Matrix4d(1).SetTranslate(Gf.Vec3d(*place)) for place in places_J3.tolist()])


def _vectors(rows_V3: np.ndarray) -> Any:
    from pxr import Vt

    return Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(rows_V3, dtype=np.float32))


def _ints(numbers: np.ndarray) -> Any:
    from pxr import Vt

    return Vt.IntArray.FromNumpy(np.ascontiguousarray(numbers, dtype=np.int32).reshape(-1))


def _floats(numbers: np.ndarray) -> Any:
    from pxr import Vt

    return Vt.FloatArray.FromNumpy(np.ascontiguousarray(numbers, dtype=np.float32).reshape(-1))
