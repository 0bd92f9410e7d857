"use strict";
(() => {
  // Metres and radians throughout. A view is {yaw, pitch, zoom}; a motion is decoded once, when first seen.
  const HOME = { yaw: 0.45, pitch: 0.2, zoom: 1 };
  const CAMERA_DISTANCE = 5;
  const VISIBLE_HEIGHT = 2.25;
  const LOOK_AT_HEIGHT = 0.9;
  const GRID_STEP = 0.5;
  const GRID_REACH = 3;
  const HEAD_RADIUS = 0.105;
  const EDGE = 1.2; // pixels
  const SIDE_NAMES = ["left", "right", "spine"];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
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

  function makeProjection(view, target, width, height) {
    const [cosYaw, sinYaw, cosPitch, sinPitch] =
      [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const focal = (Math.min(height, width * 1.1) / VISIBLE_HEIGHT) * CAMERA_DISTANCE * view.zoom;
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
  function drawFloor(context, project, motion, target, colours) {
    const bands = [[], [], [], [], []];
    const snap = (value) => Math.round(value / GRID_STEP) * GRID_STEP;
    const [centreX, centreZ] = [snap(target[0]), snap(target[2])];
    const add = (x1, z1, x2, z2) => {
      const distance = Math.hypot((x1 + x2) / 2 - target[0], (z1 + z2) / 2 - target[2]) / GRID_REACH;
      const band = Math.floor((1 - distance) * bands.length);
      if (band >= 0) bands[Math.min(band, bands.length - 1)].push([project(x1, motion.floor, z1), project(x2, motion.floor, z2)]);
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
  function drawBody(context, project, motion, joints, colours) {
    const at = (joint) => project(joints[3 * joint], joints[3 * joint + 1], joints[3 * joint + 2]);
    const shapes = motion.bones.map(([child, parent, side, radius]) => {
      const [from, to] = [at(parent), at(child)];
      return { depth: (from.depth + to.depth) / 2, from, to, side, radius: (radius * (from.scale + to.scale)) / 2 };
    });
    shapes.push(headShape(motion, joints, project));
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

  function drawMotion(canvas, motion, time, view, colours) {
    const ratio = Math.min(devicePixelRatio || 1, 2);
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width || !height) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const frame = clamp(time * motion.framesPerSecond, 0, motion.frames - 1);
    const joints = interpolate(motion.positions, motion.joints * 3, motion.frames, frame);
    const [targetX, targetZ] = interpolate(motion.camera, 2, motion.frames, frame);
    const target = [targetX, motion.floor + LOOK_AT_HEIGHT, targetZ];
    const project = makeProjection(view, target, width, height);
    drawFloor(context, project, motion, target, colours);
    drawShadow(context, project, motion, joints, colours);
    drawPath(context, project, motion, frame, colours);
    drawBody(context, project, motion, joints, colours);
  }

  class Player {
    constructor(element) {
      this.element = element;
      this.canvases = [...element.querySelectorAll("canvas")];
      this.button = element.querySelector(".lamp-play");
      this.scrub = element.querySelector(".lamp-scrub");
      this.output = element.querySelector(".lamp-time");
      this.speed = element.querySelector(".lamp-speed");
      this.view = { ...HOME };
      this.duration = Number(this.scrub.max);
      this.time = 0;
      this.visible = false;
      this.playing = !calm.matches && !element.classList.contains("lamp-compact");
      this.listen();
      this.showState();
      const place = element.getBoundingClientRect();
      if (place.top < innerHeight && place.bottom > 0) this.setVisible(true);
    }

    listen() {
      this.button.addEventListener("click", () => this.setPlaying(!this.playing));
      this.scrub.addEventListener("input", () => {
        const time = Number(this.scrub.value); // read first: pausing writes the present time into the bar
        this.setPlaying(false);
        this.seek(time);
      });
      this.element.querySelector(".lamp-reset")?.addEventListener("click", () => this.look(HOME));
      this.element.addEventListener("keydown", (event) => this.onKey(event));
      for (const canvas of this.canvases) {
        this.listenToPointers(canvas);
        canvas.addEventListener("wheel", (event) => this.onWheel(event, canvas), { passive: false });
        canvas.addEventListener("dblclick", () => this.look(HOME));
        new ResizeObserver(() => this.draw()).observe(canvas);
      }
      dark.addEventListener("change", () => { this.colours = null; this.draw(); });
      addEventListener("beforeprint", () => this.draw(true));
      new IntersectionObserver(([entry]) => this.setVisible(entry.isIntersecting), { rootMargin: "80px" }).observe(this.element);
    }

    // One pointer turns the view, two zoom.
    listenToPointers(canvas) {
      const pointers = new Map();
      const spread = () => {
        const [a, b] = [...pointers.values()];
        return Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY);
      };
      canvas.addEventListener("pointerdown", (event) => { pointers.set(event.pointerId, event); canvas.setPointerCapture(event.pointerId); });
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, (event) => pointers.delete(event.pointerId));
      canvas.addEventListener("pointermove", (event) => {
        const before = pointers.get(event.pointerId);
        if (!before) return;
        const oldSpread = pointers.size === 2 ? spread() : 0;
        pointers.set(event.pointerId, event);
        if (oldSpread) this.look({ ...this.view, zoom: this.view.zoom * (spread() / oldSpread) });
        else this.look({
          ...this.view,
          yaw: this.view.yaw + (event.clientX - before.clientX) * 0.01,
          pitch: this.view.pitch + (event.clientY - before.clientY) * 0.008,
        });
      });
    }

    // In a page that scrolls the wheel zooms only a view that was clicked; else it would trap the reader.
    onWheel(event, canvas) {
      const scrolls = document.documentElement.scrollHeight > innerHeight;
      if (scrolls && !event.ctrlKey && document.activeElement !== canvas) return;
      event.preventDefault();
      this.look({ ...this.view, zoom: this.view.zoom * Math.exp(-event.deltaY * 0.0015) });
    }

    onKey(event) {
      if (event.target.tagName !== "CANVAS") return;
      const step = (event.shiftKey ? 10 : 1) / this.load()[0].framesPerSecond;
      const actions = {
        " ": () => this.setPlaying(!this.playing),
        ArrowLeft: () => { this.setPlaying(false); this.seek(this.time - step); },
        ArrowRight: () => { this.setPlaying(false); this.seek(this.time + step); },
        ArrowUp: () => this.look({ ...this.view, zoom: this.view.zoom * 1.1 }),
        ArrowDown: () => this.look({ ...this.view, zoom: this.view.zoom / 1.1 }),
        Home: () => this.seek(0),
        End: () => this.seek(this.duration),
      };
      if (!actions[event.key]) return;
      event.preventDefault();
      actions[event.key]();
    }

    load() {
      this.motions ??= JSON.parse(this.element.querySelector(".lamp-data").textContent).motions.map(decodeMotion);
      return this.motions;
    }

    look(view) {
      this.view = { yaw: view.yaw, pitch: clamp(view.pitch, -0.15, 1.5), zoom: clamp(view.zoom, 0.3, 5) };
      this.draw();
    }

    seek(time) {
      this.time = clamp(time, 0, this.duration);
      this.showState();
      this.draw();
    }

    setPlaying(playing) {
      if (playing && this.time >= this.duration) this.time = 0;
      this.playing = playing;
      this.showState();
      this.schedule();
    }

    setVisible(visible) {
      this.visible = visible;
      this.draw();
      this.schedule();
    }

    showState() {
      const text = `${this.time.toFixed(2)} / ${this.duration.toFixed(2)} s`;
      this.element.classList.toggle("lamp-playing", this.playing);
      this.button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
      this.scrub.value = this.time;
      this.scrub.setAttribute("aria-valuetext", text);
      this.output.value = text;
    }

    draw(always = false) {
      if (!this.visible && !always) return;
      this.colours ??= readColours(this.element);
      this.load().forEach((motion, i) => {
        const [from, to] = motion.made ?? [Infinity, Infinity];
        this.canvases[i].parentElement.classList.toggle("lamp-making", from <= this.time && this.time < to);
        drawMotion(this.canvases[i], motion, this.time, this.view, this.colours);
      });
    }

    // Only a player that is seen and plays asks for frames; a short rest at the end, then again from the start.
    schedule() {
      if (this.request || !this.playing || !this.visible) return;
      let last = performance.now();
      const tick = (now) => {
        this.request = null;
        if (!this.playing || !this.visible) return;
        const time = this.time + ((now - last) / 1000) * Number(this.speed?.value ?? 1);
        last = now;
        this.clock = time > this.duration ? (this.clock ?? 0) + 1 : 0;
        this.seek(this.clock > 40 ? 0 : time);
        this.request = requestAnimationFrame(tick);
      };
      this.request = requestAnimationFrame(tick);
    }
  }

  const start = () => document.querySelectorAll("[data-lamp-player]").forEach((element) => new Player(element));
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
