// A place to drop a motion file on, with how it stands in the file where the file does not say it.
import { sendFile } from "./api.js";
import { field, make, number, select } from "./dom.js";

const UPS = ["x", "y", "z"];
const UNITS = ["m", "cm", "mm", "inch", "foot"];

export class Drop {
  // onmotion(motion, notes) when a file was read; what cannot be read is told by `work`.
  constructor(work, onmotion) {
    this.work = work;
    this.onmotion = onmotion;
    const input = make("input", { type: "file", accept: ".bvh,.npy,.npz", class: "lamp-hidden", onchange: () => this.take(input.files) });
    this.place = make("label", { class: "drop" }, input, make("strong", {}, "Drop a motion"), make("span", {}, "BVH, NPY or AMASS NPZ, or press to choose"));
    const each = (options) => select([["", "as the file says"], ...options.map((value) => [value, value])], "");
    this.options = { map: make("input", { type: "text", placeholder: "told by the joints" }), unit: each(UNITS), up: each(UPS),
      fps: number({ min: 0, step: "any", placeholder: "the file's" }), left_handed: make("input", { type: "checkbox" }), force: make("input", { type: "checkbox" }) };
    const { map, unit, up, fps, left_handed: left, force } = this.options;
    this.element = make("div", { class: "dropping" }, this.place, make("details", {}, make("summary", {}, "How it stands in its file"),
      make("div", { class: "pair" }, field("Unit", unit), field("Up", up)), make("div", { class: "pair" }, field("Frames a second", fps), field("Joint map", map)),
      make("div", { class: "row" }, make("label", {}, left, "left-handed axes"), make("label", {}, force, "take it as it is"))));
    this.listen();
  }

  listen() {
    const over = (is) => (event) => { event.preventDefault(); this.place.classList.toggle("over", is); };
    for (const [name, is] of [["dragenter", true], ["dragover", true], ["dragleave", false]]) this.place.addEventListener(name, over(is));
    this.place.addEventListener("drop", (event) => { over(false)(event); this.take(event.dataTransfer.files); });
  }

  take(files) {
    if (!files.length) return null;
    const form = Object.fromEntries(Object.entries(this.options).map(([name, control]) => [name, control.type === "checkbox" ? control.checked : control.value]));
    this.place.setAttribute("aria-busy", "true");
    return this.work.run(null, async () => {
      try {
        const { motion, notes } = await sendFile(files[0], form);
        this.work.say(notes);
        await this.onmotion(motion);
      } finally {
        this.place.removeAttribute("aria-busy");
        this.place.querySelector("input").value = "";
      }
    });
  }
}
