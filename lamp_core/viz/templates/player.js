"use strict";
(() => {
  // Draws by `LampCanvas`, and by the 3-D figure as soon as it is there (`figure`, null where there is no WebGL).
  const HOME = { yaw: 0.45, pitch: 0.2, zoom: 1 };
  const REST = 0.7; // seconds at the end before it starts again
  const POSTER = 0.4; // of its time: what a small player shows before it plays; first frames look all alike
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const { clamp, decodeMotion, readColours } = globalThis.LampCanvas;
  const players = new Set();
  let figure = null;

  class Player {
    // Motions are those of the element's data unless they are given, decoded.
    constructor(element, motions = undefined) {
      this.element = element;
      this.motions = motions;
      this.canvases = [...element.querySelectorAll("canvas")];
      this.button = element.querySelector(".lamp-play");
      this.scrub = element.querySelector(".lamp-scrub");
      this.output = element.querySelector(".lamp-time");
      this.speed = element.querySelector(".lamp-speed");
      this.view = { ...HOME };
      this.duration = Number(this.scrub.max);
      this.isPoster = element.classList.contains("lamp-compact");
      this.time = this.isPoster ? POSTER * this.duration : 0;
      this.visible = false;
      this.playing = !calm.matches && !this.isPoster;
      this.loops = true;
      players.add(this);
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
        this.observe(new ResizeObserver(() => this.draw()), canvas);
      }
      const seen = ([entry]) => this.setVisible(entry.isIntersecting);
      this.observe(new IntersectionObserver(seen, { rootMargin: "80px" }), this.element);
    }

    observe(observer, element) {
      observer.observe(element);
      this.observers = [...(this.observers ?? []), observer];
    }

    // Of a player that leaves its page.
    end() {
      this.playing = false;
      this.observers.forEach((observer) => observer.disconnect());
      players.delete(this);
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

    // The motions of each canvas: one, or all of them in the first.
    scenes() {
      const motions = this.load();
      return this.canvases.length === 1 ? [motions] : motions.map((motion) => [motion]);
    }

    look(view) {
      this.view = { yaw: view.yaw, pitch: clamp(view.pitch, -0.15, 1.5), zoom: clamp(view.zoom, 0.3, 5) };
      this.draw();
    }

    seek(time) {
      this.isPoster = false;
      this.time = clamp(time, 0, this.duration);
      this.showState();
      this.draw();
    }

    setPlaying(playing) {
      if (playing && (this.isPoster || this.time >= this.duration)) this.time = 0;
      if (playing) this.isPoster = false;
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
      this.element.dispatchEvent(new CustomEvent("lamp-time", { detail: this.time }));
    }

    draw(always = false) {
      if (!this.visible && !always) return;
      this.colours ??= readColours(this.element);
      this.scenes().forEach((motions, i) => {
        const isMade = ({ made }) => made && made[0] <= this.time && this.time < made[1];
        this.canvases[i].parentElement.classList.toggle("lamp-making", motions.some(isMade));
        (figure ?? globalThis.LampCanvas).draw(this.canvases[i], motions, this.time, this.view, this.colours);
      });
    }

    // Only a player that is seen and plays asks for frames; a short rest at the end, then again from the start.
    schedule() {
      if (this.request || !this.playing || !this.visible) return;
      let last = performance.now();
      const tick = (now) => {
        this.request = null;
        if (!this.playing || !this.visible) return;
        const elapsed = (now - last) / 1000;
        const time = this.time + elapsed * Number(this.speed?.value ?? 1);
        last = now;
        this.rested = time > this.duration ? (this.rested ?? 0) + elapsed : 0;
        if (this.rested && !this.loops) this.setPlaying(false);
        this.seek(this.rested > REST ? 0 : time);
        this.request = requestAnimationFrame(tick);
      };
      this.request = requestAnimationFrame(tick);
    }
  }

  const redraw = () => players.forEach((player) => { player.colours = null; player.draw(); });
  const useFigure = (found) => { figure = found; redraw(); };
  dark.addEventListener("change", redraw);
  addEventListener("beforeprint", () => players.forEach((player) => player.draw(true)));

  // A page that opens without a network carries the modules of the 3-D figure packed: [name, gzip in base64], each
  // after those that it imports; the last one is the figure's.
  async function unpackFigure(packed) {
    const unpack = (text) => {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
    };
    const address = (source) => URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const places = new Map();
    for (const [name, text] of JSON.parse(packed.textContent)) {
      let source = await unpack(text);
      for (const [known, place] of places) source = source.replaceAll(`"./${known}"`, JSON.stringify(place));
      places.set(name, address(source));
    }
    useFigure((await import([...places.values()].at(-1))).makeFigure());
  }

  function start() {
    document.querySelectorAll("[data-lamp-player]").forEach((element) => new Player(element));
    const packed = document.getElementById("lamp-figure");
    if (packed && players.size) unpackFigure(packed).catch((fault) => console.info(`no 3-D figure: ${fault.message}`));
  }

  globalThis.LampPlayer = { Player, useFigure, redraw };
  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
