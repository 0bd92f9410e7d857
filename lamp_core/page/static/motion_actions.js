// What can be done with a motion: write it in a form, edit, describe, look for others like it.
import { make, select } from "./dom.js";

const OTHERS = [["edit", "Edit"], ["describe", "Describe"], ["search", "Find like it"]];

export function motionActions(motions, page, without = "") {
  const chosen = select(motions.map(({ key, title }) => [key, title]), motions.at(-1).key);
  chosen.setAttribute("aria-label", "Motion to write or go on with");
  const nameOf = () => (motions.find(({ key }) => key === chosen.value)?.caption || "motion").toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) || "motion";
  const write = (ending) => make("button", { type: "button", class: "small", "data-ending": ending, onclick: () => {
    const link = make("a", { href: `/api/exports/${encodeURIComponent(chosen.value)}/${nameOf()}${ending}`, download: `${nameOf()}${ending}` });
    link.click();
  } }, ending.slice(1).toUpperCase());
  const go = ([name, label]) => make("button", { type: "button", class: "small quiet", onclick: () => { location.hash = `${name}?motion=${encodeURIComponent(chosen.value)}`; } }, label);
  const panels = new Set(page.panels.map(({ name }) => name));
  return make("div", { class: "actions" }, motions.length > 1 ? chosen : null,
    make("span", { class: "group", role: "group", "aria-label": "Export" }, make("span", { class: "group-label" }, "Export"), page.exports.map(write)),
    make("span", { class: "group", role: "group", "aria-label": "Go on with this motion" }, OTHERS.filter(([name]) => name !== without && panels.has(name)).map(go)));
}
