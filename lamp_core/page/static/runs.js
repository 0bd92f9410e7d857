// Panel Runs: what runs now with its progress, the state of every stage, and where MLflow and Prefect are.
import { look } from "./api.js";
import { make } from "./dom.js";

const SECONDS = 2;

export function makePanel(element) {
  element.classList.add("wide");
  const lines = make("div", { "aria-live": "polite" });
  const body = make("tbody", {});
  const links = make("div", { class: "buttons" });
  const fault = make("p", { class: "fault", role: "alert", hidden: true });
  const table = make("table", { class: "stages" }, make("thead", {}, make("tr", {}, ["stage", "state", "progress", "because"].map((name) => make("th", { scope: "col" }, name)))), body);
  element.append(make("div", { class: "main" }, links, fault, lines, table));
  let timer = null;
  let isShown = false;

  function row({ name, state, reason, done, total }) {
    const bar = total ? make("progress", { max: total, value: done, "aria-label": `${name}: ${done} of ${total}` }) : "";
    return make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, make("span", { class: `state ${state.replace(/\W/g, "-")}` }, state)), make("td", {}, bar), make("td", {}, make("span", { class: "because", title: reason }, reason)));
  }

  async function update() {
    try {
      const told = await look("runs");
      fault.hidden = true;
      links.replaceChildren(...told.links.map(({ name, url, hint }) => (url ? make("a", { class: "button", href: url, target: "_blank", rel: "noopener" }, name) : make("span", { class: "fine" }, hint))));
      lines.replaceChildren(...(told.runs.length ? told.runs : ["nothing runs"]).map((line) => make("p", { class: "said" }, line)));
      body.replaceChildren(...told.stages.map(row));
    } catch (error) {
      fault.textContent = error.message;
      fault.hidden = false;
    }
    if (isShown) timer = setTimeout(update, SECONDS * 1000);
  }

  return {
    enter: () => { isShown = true; return update(); },
    leave: () => { isShown = false; clearTimeout(timer); },
  };
}
