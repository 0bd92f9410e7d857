// What was asked for in this session, to ask for again; it outlives a reload, not the tab.
import { make } from "./dom.js";

const MOST = 30;

export class History {
  constructor(name, onpick) {
    this.key = `lamp-history-${name}`;
    this.onpick = onpick;
    this.list = make("ol", { class: "history" });
    this.element = make("section", { "aria-label": "History", hidden: true }, make("h2", {}, "History"), this.list);
    this.entries = JSON.parse(sessionStorage.getItem(this.key) ?? "[]");
    this.show();
  }

  add(parameters, title, detail) {
    const told = JSON.stringify(parameters);
    this.entries = [{ parameters, title, detail }, ...this.entries.filter((entry) => JSON.stringify(entry.parameters) !== told)].slice(0, MOST);
    sessionStorage.setItem(this.key, JSON.stringify(this.entries));
    this.show();
  }

  show() {
    this.element.hidden = !this.entries.length;
    this.list.replaceChildren(...this.entries.map(({ parameters, title, detail }) =>
      make("li", {}, make("button", { type: "button", class: "entry", onclick: () => this.onpick(parameters) }, make("span", {}, title), make("small", {}, detail)))));
  }
}
