// The page: its tabs, the panel that is shown, the theme and the figure. A panel's address is #name?parameters.
import { look } from "./api.js";
import { make } from "./dom.js";
import { startTheme } from "./theme.js";

const host = document.getElementById("panel");
const shown = new Map();
let page;
let leave = null;
let turn = 0;

async function start() {
  startTheme(document.getElementById("theme"));
  startFigure();
  try {
    page = await look("page");
  } catch (fault) {
    host.replaceChildren(make("p", { class: "fault", role: "alert" }, fault.message));
    return;
  }
  document.getElementById("set").textContent = page.dataset ?? "";
  document.getElementById("tabs").append(...page.panels.map(tab));
  addEventListener("hashchange", () => show());
  await show();
}

function tab({ name, title, missing }) {
  return make("a", { href: `#${name}`, class: missing ? "tab missing" : "tab", id: `tab-${name}`, title: missing }, title);
}

function mark(panel) {
  for (const each of document.querySelectorAll(".tab")) {
    if (each.id === `tab-${panel.name}`) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  document.title = `${panel.title} · LaMP`;
}

// Elements of a panel stay while another is shown, so that nothing typed or made is lost.
async function show() {
  const [wanted, query = ""] = location.hash.slice(1).split("?");
  const { name } = page.panels.find((panel) => panel.name === wanted) ?? page.panels[0];
  leave?.();
  leave = null;
  const mine = ++turn;
  mark(panelOf(name));
  if (panelOf(name).missing && shown.has(name)) await lookAgain();
  const module = await import(`./${name}.js`);
  if (mine !== turn) return; // another tab was chosen while its module came
  mark(panelOf(name));
  if (!shown.has(name)) {
    const element = make("section", { class: "panel", "aria-label": panelOf(name).title });
    shown.set(name, { element, ...module.makePanel(element, page, panelOf(name)) });
  }
  const { element, enter, leave: leaving } = shown.get(name);
  host.replaceChildren(element);
  leave = leaving ?? null;
  document.getElementById(`tab-${name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  await enter?.(new URLSearchParams(query));
}

function panelOf(name) {
  return page.panels.find((panel) => panel.name === name);
}

// Models that were missing may have been trained meanwhile; their panels are then made anew.
async function lookAgain() {
  const before = page;
  page = await look("page").catch(() => before);
  for (const { name, missing } of before.panels) if (missing !== panelOf(name).missing) shown.delete(name);
  document.getElementById("tabs").replaceChildren(...page.panels.map(tab));
}

async function startFigure() {
  try {
    const { makeFigure } = await import("./figure.js");
    globalThis.LampPlayer.useFigure(makeFigure());
  } catch (fault) {
    const notice = document.getElementById("figure-notice");
    notice.textContent = "This browser has no WebGL: figures are drawn flat, without light.";
    notice.hidden = false;
    console.info(`no 3-D figure: ${fault.message}`);
  }
}

start();
