"use strict";
(() => {
  // Metres and radians throughout. A view is {yaw, pitch, zoom}; a motion is decoded once, when first seen.
  const CAMERA_DISTANCE = 5;
  const VISIBLE_HEIGHT = 2.25;
  const LOOK_AT_HEIGHT = 0.9;
  const GRID_STEP = 0.5;
  const GRID_REACH = 3;
  const HEAD_RADIUS = 0.105;
  const EDGE = 1.2; // pixels
  const SIDE_NAMES = ["left", "right", "spine"];
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  function decodeCounts(text) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const view = new DataView(bytes.buffer);
    return Float32Array.from({ length: bytes.length / 2 }, (_, i) => view.getInt16(2 * i, true));
  }

  function decodeMotion(data) {
    const positions = decodeCounts(data.positions);
    for (let i = 0; i < positions.length; i++) {
      positions[i] = data.origin[i % 3] + positions[i] * data.metresPerCount;
    }
    const camera = decodeCounts(data.camera);
    for (let i = 0; i < camera.length; i++) {
      camera[i] = data.origin[i % 2 ? 2 : 0] + camera[i] * data.metresPerCount;
    }
    return { ...data, positions, camera, duration: (data.frames - 1) / data.framesPerSecond };
  }

  // Between two frames the pose is interpolated, so that 12.5 frames a second look smooth too.
  function interpolate(values, width, frames, frame) {
    const first = clamp(Math.floor(frame), 0, frames - 1);
    const second = Math.min(first + 1, frames - 1);
    const share = clamp(frame - first, 0, 1);
    const result = new Float32Array(width);
    for (let i = 0; i < width; i++) {
      result[i] = values[first * width + i] * (1 - share) + values[second * width + i] * share;
    }
    return result;
  }

  function readColours(element) {
    const style = getComputedStyle(element);
    const colour = (name) => style.getPropertyValue(name).trim();
    return {
      surface: colour("--surface"), floor: colour("--floor-line"), shadow: colour("--shadow"), path: colour("--path"),
      sides: SIDE_NAMES.map((name) => colour("--side-" + name)),
    };
  }

  function makeProjection(view, target, width, height, visible) {
    const [cosYaw, sinYaw, cosPitch, sinPitch] =
      [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const focal = (Math.min(height, width * 1.1) / visible) * CAMERA_DISTANCE * view.zoom;
    return (x, y, z) => {
      const [dx, dy, dz] = [x - target[0], y - target[1], z - target[2]];
      const across = dx * cosYaw - dz * sinYaw;
      const towards = dx * sinYaw + dz * cosYaw;
      const up = dy * cosPitch - towards * sinPitch;
      const depth = Math.max(0.2, CAMERA_DISTANCE - (dy * sinPitch + towards * cosPitch));
      const scale = focal / depth;
      return { x: width / 2 + across * scale, y: height / 2 - up * scale, depth, scale };
    };
  }

  function strokeSegments(context, segments) {
    context.beginPath();
    for (const [from, to] of segments) {
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
    }
    context.stroke();
  }

  // The grid lies fixed in the world and is drawn around the camera's target, fading with distance.
  function drawFloor(context, project, floor, target, colours) {
    const bands = [[], [], [], [], []];
    const snap = (value) => Math.round(value / GRID_STEP) * GRID_STEP;
    const [centreX, centreZ] = [snap(target[0]), snap(target[2])];
    const add = (x1, z1, x2, z2) => {
      const distance = Math.hypot((x1 + x2) / 2 - target[0], (z1 + z2) / 2 - target[2]) / GRID_REACH;
      const band = Math.floor((1 - distance) * bands.length);
      if (band >= 0) bands[Math.min(band, bands.length - 1)].push([project(x1, floor, z1), project(x2, floor, z2)]);
    };
    for (let i = -GRID_REACH; i <= GRID_REACH; i += GRID_STEP) {
      for (let j = -GRID_REACH; j < GRID_REACH; j += GRID_STEP) {
        add(centreX + i, centreZ + j, centreX + i, centreZ + j + GRID_STEP);
        add(centreX + j, centreZ + i, centreX + j + GRID_STEP, centreZ + i);
      }
    }
    context.strokeStyle = colours.floor;
    context.lineWidth = 1;
    bands.forEach((segments, band) => {
      context.globalAlpha = (band + 1) / bands.length;
      strokeSegments(context, segments);
    });
    context.globalAlpha = 1;
  }

  function drawPath(context, project, motion, frame, colours) {
    const point = (index) => {
      const start = index * motion.joints * 3;
      return project(motion.positions[start], motion.floor, motion.positions[start + 2]);
    };
    const stretch = (from, to) => {
      const segments = [];
      for (let i = from; i < to; i++) segments.push([point(i), point(i + 1)]);
      return segments;
    };
    const now = clamp(Math.floor(frame), 0, motion.frames - 1);
    context.strokeStyle = colours.path;
    context.lineCap = "round";
    context.lineWidth = 1.5;
    context.globalAlpha = 0.3;
    strokeSegments(context, stretch(now, motion.frames - 1));
    context.lineWidth = 2.5;
    context.globalAlpha = 0.9;
    strokeSegments(context, stretch(0, now));
    context.globalAlpha = 1;
  }

  function drawShadow(context, project, motion, joints, colours) {
    const onFloor = (joint) => project(joints[3 * joint], motion.floor, joints[3 * joint + 2]);
    context.strokeStyle = colours.shadow;
    context.lineCap = context.lineJoin = "round";
    context.lineWidth = 0.09 * onFloor(0).scale;
    strokeSegments(context, motion.bones.map(([child, parent]) => [onFloor(child), onFloor(parent)]));
  }

  function headShape(motion, joints, at) {
    const bone = motion.bones.find(([child]) => child === motion.head);
    const along = [0, 1, 2].map((k) => joints[3 * motion.head + k] - joints[3 * bone[1] + k]);
    const length = Math.hypot(...along) || 1;
    const centre = along.map((value, k) => joints[3 * motion.head + k] + (value / length) * 0.06);
    const point = at(...centre);
    return { depth: point.depth, point, side: bone[2], radius: HEAD_RADIUS * point.scale };
  }

  function strokeLimb(context, shape, colour, width, trim, cap) {
    const length = Math.hypot(shape.to.x - shape.from.x, shape.to.y - shape.from.y);
    if (length <= 2 * trim) return;
    const [dx, dy] = [((shape.to.x - shape.from.x) * trim) / (length || 1), ((shape.to.y - shape.from.y) * trim) / (length || 1)];
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.lineCap = cap;
    strokeSegments(context, [[{ x: shape.from.x + dx, y: shape.from.y + dy }, { x: shape.to.x - dx, y: shape.to.y - dy }]]);
  }

  function fillDisc(context, shape, colour, radius) {
    context.fillStyle = colour;
    context.beginPath();
    context.arc(shape.point.x, shape.point.y, radius, 0, 2 * Math.PI);
    context.fill();
  }

  // Back to front. Each limb is edged in the background's colour, which parts it from what lies behind; the
  // edge stops short of the joints, where limbs belong together.
  function drawBodies(context, project, poses, colours) {
    const shapes = poses.flatMap(({ motion, joints }) => shapesOf(motion, joints, project));
    for (const shape of shapes.sort((a, b) => b.depth - a.depth)) {
      const colour = colours.sides[shape.side];
      if (shape.point) {
        fillDisc(context, shape, colours.surface, shape.radius + EDGE);
        fillDisc(context, shape, colour, shape.radius);
      } else {
        strokeLimb(context, shape, colours.surface, 2 * (shape.radius + EDGE), shape.radius, "butt");
        strokeLimb(context, shape, colour, 2 * shape.radius, -1e-3, "round");
      }
    }
  }

  function shapesOf(motion, joints, project) {
    const at = (joint) => project(joints[3 * joint], joints[3 * joint + 1], joints[3 * joint + 2]);
    const limbs = motion.bones.map(([child, parent, side, radius]) => {
      const [from, to] = [at(parent), at(child)];
      return { depth: (from.depth + to.depth) / 2, from, to, side, radius: (radius * (from.scale + to.scale)) / 2 };
    });
    return [...limbs, headShape(motion, joints, project)];
  }

  // Where each motion is at a time, what the camera looks at and how much height it shows.
  function framing(motions, time) {
    const poses = motions.map((motion) => {
      const frame = clamp(time * motion.framesPerSecond, 0, motion.frames - 1);
      return { motion, frame, joints: interpolate(motion.positions, motion.joints * 3, motion.frames, frame),
        centre: interpolate(motion.camera, 2, motion.frames, frame) };
    });
    const mean = (k) => poses.reduce((sum, pose) => sum + pose.centre[k], 0) / poses.length;
    const [x, z] = [mean(0), mean(1)];
    const spread = Math.max(...poses.map(({ centre }) => Math.hypot(centre[0] - x, centre[1] - z)));
    const floor = Math.min(...motions.map((motion) => motion.floor));
    return { poses, floor, target: [x, floor + LOOK_AT_HEIGHT, z], height: VISIBLE_HEIGHT + 1.5 * spread };
  }

  // Gives the canvas as many pixels as it shows; null while it shows none.
  function fit(canvas) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return null;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    return { width, height, ratio, context: canvas.getContext("2d") };
  }

  // All motions in one scene.
  function draw(canvas, motions, time, view, colours) {
    const size = fit(canvas);
    if (!size) return;
    const { width, height, ratio, context } = size;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const { poses, floor, target, height: visible } = framing(motions, time);
    const project = makeProjection(view, target, width, height, visible);
    drawFloor(context, project, floor, target, colours);
    for (const { motion, joints } of poses) drawShadow(context, project, motion, joints, colours);
    for (const { motion, frame } of poses) drawPath(context, project, motion, frame, colours);
    drawBodies(context, project, poses, colours);
  }

  globalThis.LampCanvas = { CAMERA_DISTANCE, clamp, decodeMotion, draw, fit, framing, readColours };
})();
