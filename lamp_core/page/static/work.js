// A form that asks the server: busy while it works, one line where it cannot, the notes of what it did.
import { make } from "./dom.js";

export class Work {
  constructor() {
    this.fault = make("p", { class: "fault", role: "alert", hidden: true });
    this.notes = make("div", { class: "notes", role: "status" });
    this.element = make("div", { class: "work" }, this.fault, this.notes);
  }

  // Runs one thing at a time; what is asked meanwhile is left.
  async run(button, task) {
    if (this.busy) return;
    this.busy = true;
    this.fault.hidden = true;
    button?.setAttribute("aria-busy", "true");
    try {
      await task();
    } catch (fault) {
      this.say([]);
      this.fault.textContent = fault.message;
      this.fault.hidden = false;
    } finally {
      this.busy = false;
      button?.removeAttribute("aria-busy");
    }
  }

  say(lines) {
    this.notes.replaceChildren(...lines.filter(Boolean).map((line) => make("p", { class: "note" }, line)));
  }
}

// What is missing before a panel works, with the stage to run.
export function missingNotice({ missing }) {
  return missing ? make("p", { class: "fault", role: "alert" }, missing) : null;
}
