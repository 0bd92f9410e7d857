// The figure in three dimensions: rounded limbs with light, a shadow on the floor, feet in contact, the path.
// One renderer and one scene serve every canvas of a page: what a canvas shows is drawn and copied into it, so
// that a page may hold any number of players (browsers keep some 16 WebGL contexts).
import {
  BufferAttribute, BufferGeometry, CircleGeometry, Color, CylinderGeometry, DirectionalLight, DoubleSide, HemisphereLight,
  InstancedMesh, Matrix4, Mesh, MeshBasicMaterial, MeshStandardMaterial, PCFShadowMap, PerspectiveCamera, Quaternion,
  RingGeometry, Scene, SphereGeometry, SRGBColorSpace, Vector3, WebGLRenderer,
} from "./three.js";
import { Floor } from "./floor.js";

const TAPER = 0.8; // a limb's radius at its far end, of that at its near end
const SLIMNESS = 0.165; // radius of a limb, of its length
const [THINNEST, THICKEST] = [0.009, 0.07];
const COLLAR = 0.056; // from the collar to the shoulder
const UP = new Vector3(0, 1, 0);
const WHITE = new Color(1, 1, 1);
const MOST_PARTS = 2048;
const TORSO = [[0, 0.112, 0.083], [0.3, 0.108, 0.082], [0.72, 0.148, 0.098], [0.93, 0.088, 0.07], [1, 0.05, 0.05]]; // way up, half width, half depth
const RINGS = 12, SIDES = 18;
const SPINE = 2; // number of the side

const lift = (values, joint) => new Vector3(values[3 * joint], values[3 * joint + 1], values[3 * joint + 2]);
const mix = (a, b, share) => a + (b - a) * share;

// Equal shapes drawn at once: each frame says where they are anew.
class Parts {
  constructor(scene, geometry, material) {
    this.mesh = new InstancedMesh(geometry, material, MOST_PARTS);
    this.mesh.frustumCulled = false;
    this.mesh.castShadow = this.mesh.receiveShadow = true;
    scene.add(this.mesh);
  }

  begin() {
    this.mesh.count = 0;
  }

  add(matrix, colour) {
    if (this.mesh.count === MOST_PARTS) return;
    this.mesh.setMatrixAt(this.mesh.count, matrix);
    this.mesh.setColorAt(this.mesh.count, colour);
    this.mesh.count += 1;
  }

  end() {
    this.mesh.instanceMatrix.needsUpdate = true;
    if (this.mesh.instanceColor) this.mesh.instanceColor.needsUpdate = true;
  }
}

// What of a motion never changes: the spine from root to head, how thick each limb is.
function bodyOf(motion) {
  const parentOf = new Map(motion.bones.map(([child, parent]) => [child, parent]));
  const spine = [motion.head];
  while (parentOf.has(spine[0])) spine.unshift(parentOf.get(spine[0]));
  const torso = spine.slice(0, -1); // the last bone is the neck
  const inTorso = new Set(torso.slice(1));
  const first = motion.positions;
  const radii = new Map();
  const limbs = motion.bones.filter(([child]) => !inTorso.has(child)).map(([child, parent, side]) => {
    const length = lift(first, child).distanceTo(lift(first, parent));
    const own = side === SPINE ? (child === motion.head ? 0.05 : 0.066) : Math.min(THICKEST, Math.max(THINNEST, SLIMNESS * length));
    const isCollar = side !== SPINE && inTorso.has(parentOf.get(parent));
    const radius = side === SPINE ? own : isCollar ? COLLAR : Math.min(own, radii.get(parent) ?? THICKEST);
    radii.set(child, side === SPINE || isCollar ? THICKEST : radius * TAPER);
    return { child, parent, side, radius };
  });
  const parents = new Set(parentOf.values());
  const feet = motion.feet ?? [];
  const ends = limbs.filter(({ child }) => !parents.has(child) && child !== motion.head && !feet.includes(child));
  return { torso, limbs, ends, feet, sideOf: new Map(limbs.map(({ child, side }) => [child, side])) };
}

// A strip on the floor along the root's way.
function pathGeometry(motion) {
  const [frames, width] = [motion.frames, 0.011];
  const vertices = new Float32Array(frames * 6);
  const index = [];
  const root = (frame, k) => motion.positions[Math.min(frames - 1, Math.max(0, frame)) * motion.joints * 3 + k];
  for (let i = 0; i < frames; i++) {
    const [dx, dz] = [root(i + 1, 0) - root(i - 1, 0), root(i + 1, 2) - root(i - 1, 2)];
    const length = Math.hypot(dx, dz) || 1;
    const [nx, nz] = [(-dz / length) * width, (dx / length) * width];
    vertices.set([root(i, 0) + nx, 0, root(i, 2) + nz, root(i, 0) - nx, 0, root(i, 2) - nz], i * 6);
    if (i) index.push(2 * i - 2, 2 * i - 1, 2 * i, 2 * i - 1, 2 * i + 1, 2 * i);
  }
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(vertices, 3));
  geometry.setIndex(index);
  return geometry;
}

class Stage {
  constructor(renderer) {
    this.renderer = renderer;
    this.scene = new Scene();
    this.camera = new PerspectiveCamera(30, 1, 0.1, 60);
    this.sky = new HemisphereLight(0xffffff, 0xa8adb8, 2.4);
    this.sun = new DirectionalLight(0xffffff, 2.1);
    this.sun.castShadow = true;
    this.sun.shadow.mapSize.set(1024, 1024);
    this.sun.shadow.bias = -0.0006;
    this.sun.shadow.normalBias = 0.02;
    this.sun.shadow.radius = 4;
    this.scene.add(this.sky, this.sun, this.sun.target);
    this.floor = new Floor(this.scene);
    const skin = new MeshStandardMaterial({ roughness: 0.62 });
    this.limbs = new Parts(this.scene, new CylinderGeometry(TAPER, 1, 1, 16, 1, true), skin);
    this.balls = new Parts(this.scene, new SphereGeometry(1, 20, 14), skin);
    this.rings = new Parts(this.scene, new RingGeometry(0.72, 1, 28).rotateX(-Math.PI / 2),
      new MeshBasicMaterial({ transparent: true, opacity: 0.85, depthWrite: false }));
    this.discs = new Parts(this.scene, new CircleGeometry(0.72, 24).rotateX(-Math.PI / 2),
      new MeshBasicMaterial({ transparent: true, opacity: 0.25, depthWrite: false }));
    this.rings.mesh.castShadow = this.discs.mesh.castShadow = false;
    this.torsos = [];
    this.bodies = new WeakMap();
    this.paths = new WeakMap();
    this.shownPaths = [];
    this.matrix = new Matrix4();
    this.turn = new Quaternion();
  }

  body(motion) {
    if (!this.bodies.has(motion)) this.bodies.set(motion, bodyOf(motion));
    return this.bodies.get(motion);
  }

  ball(place, radius, colour, scale = new Vector3(1, 1, 1), turn = null) {
    this.balls.add(this.matrix.compose(place, turn ?? this.turn.identity(), scale.multiplyScalar(radius)), colour);
  }

  limb(from, to, radius, colour, ends = true) {
    const along = to.clone().sub(from);
    const length = along.length();
    if (ends) {
      this.ball(from, radius, colour);
      this.ball(to, radius * TAPER, colour);
    }
    if (length < 1e-5) return;
    this.turn.setFromUnitVectors(UP, along.divideScalar(length));
    const middle = from.clone().add(to).multiplyScalar(0.5);
    this.limbs.add(this.matrix.compose(middle, this.turn, new Vector3(radius, length, radius)), colour);
  }

  // The skin around the spine: rings whose width follows the hips below and the shoulders above.
  torso(number, body, pose, colour) {
    this.torsos[number] ??= this.newTorso();
    const mesh = this.torsos[number];
    mesh.visible = true;
    mesh.material.color.copy(colour);
    const joints = body.torso.map((joint) => lift(pose.joints, joint));
    const ways = [0];
    for (let i = 1; i < joints.length; i++) ways.push(ways[i - 1] + joints[i].distanceTo(joints[i - 1]));
    const [rightHip, leftHip, rightShoulder, leftShoulder] = pose.motion.face.map((joint) => lift(pose.joints, joint));
    const [hips, shoulders] = [leftHip.sub(rightHip).normalize(), leftShoulder.sub(rightShoulder).normalize()];
    const size = ways.at(-1) / 0.5;
    const vertices = mesh.geometry.attributes.position;
    for (let ring = 0; ring < RINGS; ring++) {
      const share = ring / (RINGS - 1);
      const { place, along } = onWay(joints, ways, share * ways.at(-1));
      const across = hips.clone().lerp(shoulders, Math.min(1, share * 1.2));
      across.addScaledVector(along, -across.dot(along)).normalize();
      const forward = new Vector3().crossVectors(across, along);
      const [width, depth] = profile(share).map((value) => value * Math.min(1.15, Math.max(0.5, size)));
      for (let side = 0; side < SIDES; side++) {
        const angle = (2 * Math.PI * side) / SIDES;
        const [x, z] = [Math.cos(angle) * width, Math.sin(angle) * depth];
        vertices.setXYZ(ring * SIDES + side, place.x + across.x * x + forward.x * z, place.y + across.y * x + forward.y * z,
          place.z + across.z * x + forward.z * z);
      }
    }
    vertices.needsUpdate = true;
    mesh.geometry.computeVertexNormals();
    const up = joints[1].clone().sub(joints[0]).normalize();
    const side = hips.clone().addScaledVector(up, -hips.dot(up)).normalize();
    const turn = new Quaternion().setFromRotationMatrix(new Matrix4().makeBasis(side, up, new Vector3().crossVectors(side, up)));
    return { shoulders, bottom: joints[0], turn };
  }

  newTorso() {
    const geometry = new BufferGeometry();
    geometry.setAttribute("position", new BufferAttribute(new Float32Array(RINGS * SIDES * 3), 3));
    const index = [];
    for (let ring = 0; ring + 1 < RINGS; ring++) {
      for (let side = 0; side < SIDES; side++) {
        const [a, b] = [ring * SIDES + side, ring * SIDES + ((side + 1) % SIDES)];
        index.push(a, a + SIDES, b, b, a + SIDES, b + SIDES);
      }
    }
    geometry.setIndex(index);
    const mesh = new Mesh(geometry, new MeshStandardMaterial({ roughness: 0.62, side: DoubleSide }));
    mesh.frustumCulled = false;
    mesh.castShadow = mesh.receiveShadow = true;
    this.scene.add(mesh);
    return mesh;
  }

  figure(number, pose, colours) {
    const body = this.body(pose.motion);
    const at = (joint) => lift(pose.joints, joint);
    const { shoulders, bottom, turn } = this.torso(number, body, pose, colours[SPINE]);
    this.ball(bottom, 0.09, colours[SPINE], new Vector3(1.33, 1.1, 1.02), turn);
    for (const { child, parent, side, radius } of body.limbs) this.limb(at(parent), at(child), radius, colours[side]);
    for (const { child, parent, side, radius } of body.ends) this.hand(at(parent), at(child), radius, colours[side]);
    this.head(at(body.torso.at(-1)), at(pose.motion.head), shoulders, colours[SPINE]);
    body.feet.forEach((joint, i) => { if (i % 2) this.foot(at(body.feet[i - 1]), at(joint), colours[body.sideOf.get(joint) ?? SPINE]); });
    this.contacts(pose, body, colours);
  }

  hand(wrist, end, radius, colour) {
    const along = end.clone().sub(wrist).normalize();
    if (radius < 0.02) return; // a finger ends as it is
    this.turn.setFromUnitVectors(UP, along);
    this.ball(end.clone().addScaledVector(along, 0.055), 0.05, colour, new Vector3(0.62, 1.3, 0.62), this.turn);
  }

  head(neck, head, shoulders, colour) {
    const up = head.clone().sub(neck).normalize();
    const centre = head.clone().addScaledVector(up, 0.075);
    this.turn.setFromUnitVectors(UP, up);
    this.ball(centre, 0.1, colour, new Vector3(0.9, 1.22, 1), this.turn);
    const forward = new Vector3().crossVectors(shoulders, up).normalize();
    this.ball(centre.clone().addScaledVector(forward, 0.098).addScaledVector(up, -0.012), 0.018, colour);
  }

  foot(ankle, toe, colour) {
    const along = toe.clone().sub(ankle).setY(0).normalize();
    const heel = new Vector3(ankle.x, Math.min(ankle.y, toe.y + 0.035), ankle.z).addScaledVector(along, -0.035);
    this.limb(heel, toe, 0.034, colour);
    this.limb(ankle, heel, 0.034, colour);
    this.limb(toe, toe.clone().addScaledVector(along, 0.055), 0.031, colour);
  }

  contacts(pose, body, colours) {
    const touching = Number(pose.motion.contacts?.[Math.round(pose.frame)] ?? 0);
    [1, 2].forEach((bit, side) => {
      if (!(touching & bit)) return;
      const toe = lift(pose.joints, body.feet[2 * side + 1]);
      const ankle = lift(pose.joints, body.feet[2 * side]);
      const place = new Vector3((toe.x + ankle.x) / 2, pose.motion.floor + 0.004, (toe.z + ankle.z) / 2);
      this.matrix.compose(place, this.turn.identity(), new Vector3(0.17, 1, 0.17));
      const colour = colours[body.sideOf.get(body.feet[2 * side + 1]) ?? SPINE];
      this.rings.add(this.matrix, colour);
      this.discs.add(this.matrix, colour);
    });
  }

  path(number, pose, colour) {
    if (!this.paths.has(pose.motion)) this.paths.set(pose.motion, pathGeometry(pose.motion));
    const geometry = this.paths.get(pose.motion);
    this.shownPaths[number] ??= [0.28, 0.9].map((opacity) => {
      const mesh = new Mesh(geometry, new MeshBasicMaterial({ transparent: true, opacity, depthWrite: false, side: DoubleSide }));
      mesh.frustumCulled = false;
      this.scene.add(mesh);
      return mesh;
    });
    const past = 6 * Math.floor(pose.frame);
    this.shownPaths[number].forEach((mesh, isPast) => {
      mesh.visible = true;
      mesh.geometry = geometry;
      mesh.position.y = pose.motion.floor + 0.003;
      mesh.material.color.copy(colour);
      // One geometry, of which each mesh draws its part: set just before it is drawn.
      mesh.onBeforeRender = () => geometry.setDrawRange(isPast ? 0 : past, isPast ? past : Infinity);
    });
  }

  show(framed, view, size, colours) {
    const { poses, floor, target } = framed;
    const parts = [this.limbs, this.balls, this.rings, this.discs];
    parts.forEach((part) => part.begin());
    [...this.torsos, ...this.shownPaths.flat()].forEach((mesh) => { mesh.visible = false; });
    const surface = new Color(colours.surface);
    poses.forEach((pose, number) => {
      // Shaded, the grey of the spine would be near black.
      const sides = colours.sides.map((css, side) => new Color(css).lerp(WHITE, side === SPINE ? 0.22 : 0).lerp(surface, pose.motion.faded ? 0.6 : 0));
      this.figure(number, pose, sides);
      this.path(number, pose, new Color(colours.path));
    });
    parts.forEach((part) => part.end());
    const { r, g, b } = surface;
    const dark = r + g + b < 1;
    this.sky.intensity = dark ? 1.7 : 2.4;
    this.floor.place(target[0], floor, target[2], colours, dark);
    this.light(framed);
    this.look(framed, view, size);
  }

  light({ target, floor, height }) {
    const reach = Math.max(1.6, height * 0.9);
    this.sun.target.position.set(target[0], floor, target[2]);
    this.sun.position.set(target[0] + 2.4, floor + 5.2, target[2] + 2.6);
    const camera = this.sun.shadow.camera;
    Object.assign(camera, { left: -reach, right: reach, top: reach, bottom: -reach, near: 0.5, far: 12 });
    camera.updateProjectionMatrix();
  }

  look({ target, height }, view, { width, height: pixels }) {
    const distance = globalThis.LampCanvas.CAMERA_DISTANCE;
    const focal = (Math.min(pixels, width * 1.1) / height) * distance * view.zoom;
    this.camera.fov = (2 * Math.atan(pixels / 2 / focal) * 180) / Math.PI;
    this.camera.aspect = width / pixels;
    const [level, up] = [Math.cos(view.pitch) * distance, Math.sin(view.pitch) * distance];
    this.camera.position.set(target[0] + Math.sin(view.yaw) * level, target[1] + up, target[2] + Math.cos(view.yaw) * level);
    this.camera.lookAt(...target);
    this.camera.updateProjectionMatrix();
  }
}

function onWay(joints, ways, way) {
  let i = 1;
  while (i < joints.length - 1 && ways[i] < way) i += 1;
  const share = (way - ways[i - 1]) / (ways[i] - ways[i - 1] || 1);
  const before = joints[Math.max(0, i - 2)], after = joints[Math.min(joints.length - 1, i + 1)];
  // The direction is that of a longer stretch, so that the rings do not break at a joint.
  const along = after.clone().sub(before).normalize();
  return { place: joints[i - 1].clone().lerp(joints[i], share), along };
}

function profile(share) {
  let i = 1;
  while (i < TORSO.length - 1 && TORSO[i][0] < share) i += 1;
  const [low, high] = [TORSO[i - 1], TORSO[i]];
  const part = (share - low[0]) / (high[0] - low[0]);
  const smooth = part * part * (3 - 2 * part);
  return [mix(low[1], high[1], smooth), mix(low[2], high[2], smooth)];
}

// Throws where there is no WebGL.
export function makeFigure() {
  const canvas = document.createElement("canvas");
  // Asked here, since three.js would write an error into the console before it throws.
  const context = canvas.getContext("webgl2", { antialias: true, alpha: true, powerPreference: "low-power" });
  if (!context) throw new Error("no WebGL");
  const renderer = new WebGLRenderer({ canvas, context });
  renderer.setPixelRatio(1);
  renderer.setClearAlpha(0);
  renderer.shadowMap.enabled = true;
  renderer.shadowMap.type = PCFShadowMap;
  renderer.outputColorSpace = SRGBColorSpace;
  renderer.domElement.addEventListener("webglcontextlost", () => globalThis.LampPlayer?.useFigure(null));
  const stage = new Stage(renderer);
  let [most, highest] = [1, 1];

  function draw(canvas, motions, time, view, colours) {
    const { fit, framing } = globalThis.LampCanvas;
    const size = fit(canvas);
    if (!size) return;
    const [width, height] = [canvas.width, canvas.height];
    if (width > most || height > highest) {
      [most, highest] = [Math.max(most, width), Math.max(highest, height)];
      renderer.setSize(most, highest, false);
    }
    stage.show(framing(motions, time), view, size, colours);
    renderer.setViewport(0, 0, width, height);
    renderer.setScissor(0, 0, width, height);
    renderer.setScissorTest(true);
    renderer.render(stage.scene, stage.camera);
    size.context.setTransform(1, 0, 0, 1, 0, 0);
    size.context.clearRect(0, 0, width, height);
    size.context.drawImage(renderer.domElement, 0, highest - height, width, height, 0, 0, width, height);
  }

  return { draw };
}
