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

// Elements of a panel stay while another is shown, so that nothing typed or made is lost.
async function show() {
  const [wanted, query = ""] = location.hash.slice(1).split("?");
  const panel = page.panels.find(({ name }) => name === wanted) ?? page.panels[0];
  for (const each of document.querySelectorAll(".tab")) {
    if (each.id === `tab-${panel.name}`) each.setAttribute("aria-current", "page");
    else each.removeAttribute("aria-current");
  }
  document.title = `${panel.title} · LaMP`;
  leave?.();
  leave = null;
  const mine = ++turn;
  const module = await import(`./${panel.name}.js`);
  if (mine !== turn) return; // another tab was chosen while its module came
  if (!shown.has(panel.name)) {
    const element = make("section", { class: "panel", "aria-label": panel.title });
    shown.set(panel.name, { element, ...module.makePanel(element, page, panel) });
  }
  const { element, enter, leave: leaving } = shown.get(panel.name);
  host.replaceChildren(element);
  leave = leaving ?? null;
  document.getElementById(`tab-${panel.name}`).scrollIntoView({ block: "nearest", inline: "nearest" });
  await enter?.(new URLSearchParams(query));
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
