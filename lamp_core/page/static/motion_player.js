// Motions in step: the player that reports have, with a line of time, in one scene or side by side.
import { make, seconds } from "./dom.js";
import { Timeline } from "./timeline.js";

const APART = 1.15; // metres between figures of one scene
const PLAY = "M4 2.2v11.6L13.5 8z";
const PAUSE = "M3.5 2.5h3.2v11H3.5zM9.3 2.5h3.2v11H9.3z";
const SVG = "http://www.w3.org/2000/svg";

function icon(...paths) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" })) svg.setAttribute(name, value);
  for (const [d, name, stroke] of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", d);
    if (name) path.setAttribute("class", name);
    if (stroke) for (const [key, value] of Object.entries({ fill: "none", stroke: "currentColor", "stroke-width": 1.5 })) path.setAttribute(key, value);
    svg.append(path);
  }
  return svg;
}

// The motion so many metres to the side.
function moved(motion, metres) {
  const shift = (values, width) => values.map((value, i) => (i % width === 0 ? value + metres : value));
  return { ...motion, positions: shift(motion.positions, 3), camera: shift(motion.camera, 2) };
}

function view(motion, labels) {
  const canvas = make("canvas", { tabindex: 0, role: "img",
    "aria-label": `${labels.map(({ title }) => title).join(", ")}: ${motion.caption || "a motion"}. Space plays, arrow keys step, drag turns the view.` });
  return make("div", { class: "lamp-view" }, make("div", { class: "lamp-titles" }, labels.map(({ title, faded }) => make("div", { class: faded ? "lamp-title faded" : "lamp-title" }, title))), canvas);
}

export class MotionPlayer {
  // Options: compact (a small player without a line of time), onselect (a span of the line can be marked).
  constructor(host, options = {}) {
    this.host = host;
    this.options = options;
    this.together = false;
    this.loops = true;
  }

  // Answers of the server, each {title, caption, data, tokens, made}; `rows` are further rows of the line of time.
  show(motions, { rows = [], over = false } = {}) {
    this.shown = { motions, rows, over };
    this.decoded = motions.map(({ data, title }) => globalThis.LampCanvas.decodeMotion({ ...data, title }));
    this.build();
  }

  build() {
    const { motions, rows } = this.shown;
    const time = this.player?.time ?? 0;
    const look = this.player?.view;
    this.end();
    const duration = Math.max(...motions.map((motion) => motion.seconds));
    const element = make("figure", { class: this.options.compact ? "lamp-player lamp-compact" : "lamp-player", role: "group",
      "aria-label": `Player: ${motions[0].caption || motions.map(({ title }) => title).join(", ")}` },
      this.views(), this.controls(duration, motions.length));
    this.host.replaceChildren(element);
    this.timeline = null;
    if (!this.options.compact) {
      this.timeline = new Timeline(duration, { onseek: (at) => this.seek(at), onselect: this.options.onselect });
      this.timeline.show([...motions.flatMap((motion) => this.rowsOf(motion, motions.length)), ...rows]);
      element.append(this.timeline.element);
    }
    this.player = new globalThis.LampPlayer.Player(element, this.scene());
    this.player.loops = this.loops;
    if (look) this.player.view = look;
    element.addEventListener("lamp-time", ({ detail }) => this.timeline?.playhead(detail));
    if (time) this.player.seek(time);
  }

  rowsOf({ title, tokens, seconds: length, made }, count) {
    const label = count > 1 ? title : "tokens";
    return tokens.length ? [{ kind: "tokens", label, tokens, seconds: length, made }] : made ? [{ kind: "made", label: title, made, seconds: length }] : [];
  }

  isOneScene() {
    return this.shown.motions.length > 1 && this.together;
  }

  scene() {
    if (!this.isOneScene()) return this.decoded;
    const apart = this.shown.over ? 0 : APART;
    const middle = (this.decoded.length - 1) / 2;
    return this.decoded.map((motion, i) => ({ ...moved(motion, (i - middle) * apart), faded: this.shown.over && i === 0 }));
  }

  views() {
    const { motions, over } = this.shown;
    const labels = (these) => these.map(({ title }, i) => ({ title, faded: over && this.isOneScene() && i === 0 }));
    const views = this.isOneScene() ? [view(motions[0], labels(motions))] : motions.map((motion) => view(motion, labels([motion])));
    return make("div", { class: this.isOneScene() ? "lamp-views one" : "lamp-views", "data-count": views.length }, views);
  }

  controls(duration, count) {
    const full = !this.options.compact;
    const speed = make("select", { class: "lamp-speed", "aria-label": "Speed" },
      [["0.1", "⅒×"], ["0.25", "¼×"], ["0.5", "½×"], ["1", "1×"], ["2", "2×"]].map(([value, label]) => make("option", { value, selected: value === "1" }, label)));
    const toggle = (label, pressed, press) => make("button", { type: "button", class: "wide", "aria-pressed": String(pressed),
      onclick: (event) => { event.currentTarget.setAttribute("aria-pressed", String(press())); } }, label);
    return make("div", { class: "lamp-controls" },
      make("button", { type: "button", class: "lamp-play", "aria-label": "Play" }, icon([PLAY, "lamp-icon-play"], [PAUSE, "lamp-icon-pause"])),
      make("input", { type: "range", class: "lamp-scrub", min: 0, max: duration.toFixed(3), step: 0.001, value: 0, "aria-label": "Time in seconds" }),
      make("output", { class: "lamp-time" }, `0.00 / ${seconds(duration)}`),
      full ? speed : null,
      full ? toggle("Loop", this.loops, () => (this.player.loops = this.loops = !this.loops)) : null,
      full && count > 1 ? toggle("One scene", this.together, () => { this.together = !this.together; setTimeout(() => this.build()); return this.together; }) : null,
      full ? make("button", { type: "button", class: "lamp-reset", "aria-label": "Reset the view", title: "Reset the view" }, icon(["M8 2.5a5.5 5.5 0 1 0 5.3 4M13.6 2v4.6H9", "", true])) : null);
  }

  seek(at) {
    this.player.setPlaying(false);
    this.player.seek(at);
  }

  pause() {
    this.player?.setPlaying(false);
  }

  end() {
    this.player?.end();
    this.player = null;
  }
}
