// A line of time below a player: rows of tokens, captions or made stretches, the present time, and a span to mark.
import { make } from "./dom.js";

const percent = (value, of) => `${(100 * Math.min(1, Math.max(0, value / of))).toFixed(3)}%`;

// Equal tokens have equal colours; neighbouring numbers mean nothing.
const colourOf = (code) => `hsl(${(code * 137.508) % 360} 52% 58%)`;

export class Timeline {
  // Options: onseek(seconds), onselect(from, to) where a span can be marked.
  constructor(duration, { onseek, onselect }) {
    this.duration = duration || 1;
    this.onseek = onseek;
    this.onselect = onselect;
    this.head = make("div", { class: "tl-head", "aria-hidden": "true" });
    this.rows = make("div", { class: "tl-rows" });
    this.element = make("div", { class: "timeline" }, this.rows);
    if (onselect) this.makeSpan();
  }

  show(rows) {
    const scale = this.scale();
    this.rows.replaceChildren(...(rows.length ? rows : [{ kind: "made", label: "" }]).map((row) => this.row(row)), scale);
    const track = make("div", { class: "tl-over" }, this.span ?? null, this.head);
    this.rows.append(track);
    this.track = track;
    this.listen();
  }

  row({ kind, label, ...content }) {
    return make("div", { class: `tl-row of-${kind}` }, make("span", { class: "tl-label", title: label }, label),
      make("div", { class: "tl-track", role: "img", "aria-label": this.told(kind, content) }, this[kind](content)));
  }

  told(kind, { tokens, spans, made }) {
    if (kind === "tokens") return `${tokens.length} motion tokens: ${tokens.join(" ")}`;
    if (kind === "captions") return spans.map(({ start, end, text }) => `${start} to ${end} s: ${text}`).join("; ");
    return made ? `made by the model: ${made[0].toFixed(2)} to ${made[1].toFixed(2)} s` : "";
  }

  tokens({ tokens, seconds, made }) {
    const cells = tokens.map((code, i) => make("i", { class: "tl-token", title: `token ${i + 1}: ${code}`, style: { background: colourOf(code) } }, tokens.length <= 40 ? String(code) : ""));
    const strip = make("div", { class: "tl-strip", style: { width: percent(seconds, this.duration) } }, cells);
    return [strip, made ? this.mark(made) : null].filter(Boolean);
  }

  made({ made }) {
    return made ? [this.mark(made)] : [];
  }

  mark([from, to]) {
    return make("div", { class: "tl-made", title: `made by the model: ${from.toFixed(2)} to ${to.toFixed(2)} s`,
      style: { left: percent(from, this.duration), width: percent(to - from, this.duration) } });
  }

  captions({ spans }) {
    return spans.map(({ start, end, text }) => make("button", { type: "button", class: "tl-caption", title: text, onclick: () => this.onseek(start),
      style: { left: percent(start, this.duration), width: percent(end - start, this.duration) } }, text));
  }

  scale() {
    const step = [0.25, 0.5, 1, 2, 5, 10, 20, 60].find((value) => this.duration / value < 9) ?? 120;
    const marks = [];
    for (let at = 0; at <= this.duration + 1e-6; at += step) marks.push(make("span", { style: { left: percent(at, this.duration) } }, `${Number(at.toFixed(2))}`));
    return make("div", { class: "tl-row tl-scale", "aria-hidden": "true" }, make("span", { class: "tl-label" }, "s"), make("div", { class: "tl-track" }, marks));
  }

  playhead(time) {
    this.head.style.left = percent(time, this.duration);
  }

  timeAt(event) {
    const { left, width } = this.track.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.duration;
  }

  // A press seeks; where a span can be marked, a drag marks one.
  listen() {
    let from = null;
    this.rows.addEventListener("pointerdown", (event) => {
      if (event.target.closest("button, .tl-label") || event.clientX < this.track.getBoundingClientRect().left) return;
      from = this.timeAt(event);
      this.onseek(from);
      this.rows.setPointerCapture(event.pointerId);
    });
    this.rows.addEventListener("pointermove", (event) => {
      if (from === null) return;
      const to = this.timeAt(event);
      if (this.onselect && Math.abs(to - from) > this.duration / 100) this.select(Math.min(from, to), Math.max(from, to), true);
      else this.onseek(to);
    });
    for (const end of ["pointerup", "pointercancel"]) this.rows.addEventListener(end, () => { from = null; });
  }

  makeSpan() {
    const handle = (name, move) => make("button", { type: "button", class: `tl-handle ${name}`, role: "slider", "aria-label": name === "from" ? "Begin of the span" : "End of the span",
      onpointerdown: (event) => { event.stopPropagation(); event.currentTarget.setPointerCapture(event.pointerId); },
      onpointermove: (event) => { if (event.currentTarget.hasPointerCapture(event.pointerId)) move(this.timeAt(event)); },
      onkeydown: (event) => this.onKey(event, move, name) });
    this.from = handle("from", (at) => this.select(Math.min(at, this.marked[1] - 0.05), this.marked[1], true));
    this.to = handle("to", (at) => this.select(this.marked[0], Math.max(at, this.marked[0] + 0.05), true));
    this.span = make("div", { class: "tl-span" }, this.from, this.to);
  }

  onKey(event, move, name) {
    const at = this.marked[name === "from" ? 0 : 1];
    const step = event.shiftKey ? 0.5 : 0.05;
    const moves = { ArrowLeft: at - step, ArrowRight: at + step, Home: 0, End: this.duration };
    if (!(event.key in moves)) return;
    event.preventDefault();
    event.stopPropagation();
    move(Math.min(this.duration, Math.max(0, moves[event.key])));
  }

  select(from, to, isUser = false) {
    this.marked = [from, to];
    Object.assign(this.span.style, { left: percent(from, this.duration), width: percent(to - from, this.duration) });
    for (const [handle, value] of [[this.from, from], [this.to, to]]) {
      handle.setAttribute("aria-valuenow", value.toFixed(2));
      handle.setAttribute("aria-valuemin", "0");
      handle.setAttribute("aria-valuemax", this.duration.toFixed(2));
      handle.setAttribute("aria-valuetext", `${value.toFixed(2)} s`);
    }
    if (isUser) this.onselect(from, to);
  }
}
