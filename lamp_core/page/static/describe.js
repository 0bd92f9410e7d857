// Panel Describe: a motion in words, what each word looks at, and clips that are like it.
import { ask, openMotion } from "./api.js";
import { field, make, number, valueOf } from "./dom.js";
import { Drop } from "./drop.js";
import { endCards, fillCards, hitCard } from "./hits.js";
import { motionActions } from "./motion_actions.js";
import { MotionPlayer } from "./motion_player.js";
import { missingNotice, Work } from "./work.js";

export function makePanel(element, page, panel) {
  const work = new Work();
  const drop = new Drop(work, take);
  const windows = number({ min: 0.2, step: "any", placeholder: "the whole motion" });
  const go = make("button", { type: "submit", class: "primary", disabled: true }, "Describe");
  const form = make("form", { class: "form", onsubmit: (event) => { event.preventDefault(); run(); } }, drop.element,
    field("A caption for every so many seconds", windows), make("div", { class: "buttons" }, go));
  const caption = make("p", { class: "said", "aria-live": "polite" });
  const stage = make("div", { class: "stage" }, make("p", { class: "empty" }, "Drop a motion, or take one of another panel by its button Describe."));
  const under = make("div", { class: "found" });
  const player = new MotionPlayer(stage);
  let motion = null;
  let cards = [];
  element.append(make("div", { class: "side" }, missingNotice(panel), form), make("div", { class: "main" }, work.element, caption, stage, under));

  function take(taken) {
    motion = taken;
    player.show([motion]);
    caption.textContent = "";
    go.disabled = false;
    clear();
    work.busy = false; // the file is read: what follows is the description
    return run();
  }

  function clear() {
    endCards(cards);
    cards = [];
    under.replaceChildren();
  }

  function run() {
    return work.run(go, async () => {
      const answer = await ask("describe", { motion: motion.key, windows: valueOf(windows) });
      work.say([...answer.notes, ...answer.missing]);
      const whole = answer.captions.length === 1;
      caption.textContent = whole ? answer.captions[0].text : "";
      player.show([motion], { rows: answer.captions.length ? [{ kind: "captions", label: "caption", spans: answer.captions }] : [] });
      clear();
      cards = answer.neighbours.map((hit) => hitCard({ ...hit, key: `clip:${hit.clip}`, title: hit.clip }));
      under.append(motionActions([motion], page, "describe"), ...parts(answer, whole));
      fillCards(cards);
    });
  }

  function parts(answer, whole) {
    const list = whole || !answer.captions.length ? null : part("Caption by caption", make("ol", { class: "windows" }, answer.captions.map(({ start, end, text }) =>
      make("li", {}, make("button", { type: "button", class: "entry", onclick: () => player.seek(start) }, make("small", {}, `${start.toFixed(1)} to ${end.toFixed(1)} s`), make("span", {}, text))))));
    return [list,
      answer.attention ? part("What each word looks at", drawing(answer.attention)) : null,
      answer.words.length ? part("Words of the motion", words(answer.words)) : null,
      cards.length ? part("Clips like it", make("div", { class: "cards" }, cards.map(({ card }) => card))) : null].filter(Boolean);
  }

  function part(title, ...content) {
    return make("section", {}, make("h2", {}, title), ...content);
  }

  // The server's own drawing; words of captions are escaped there.
  function drawing(svg) {
    const strip = make("div", { class: "strip" });
    strip.innerHTML = svg;
    return strip;
  }

  function words(found) {
    const most = found[0].weight;
    return make("p", { class: "cloud" }, found.map(({ word, weight }) => make("span", { style: { fontSize: `${0.75 + 1.1 * (weight / most)}rem` }, title: weight.toFixed(3) }, word)));
  }

  return {
    enter: (query) => (query.get("motion") && query.get("motion") !== motion?.key ? work.run(null, async () => take(await openMotion(query.get("motion")))) : null),
    leave: () => player.pause(),
  };
}
