// Panel Search: clips by a text, by keywords, or by a motion; hits are small players.
import { ask, openMotion } from "./api.js";
import { field, make, number, select, valueOf } from "./dom.js";
import { Drop } from "./drop.js";
import { endCards, fillCards, hitCard } from "./hits.js";
import { MotionPlayer } from "./motion_player.js";
import { missingNotice, Work } from "./work.js";

const WAYS = [["text", "Text"], ["keywords", "Keywords"], ["motion", "Motion"]];

export function makePanel(element, page, panel) {
  const work = new Work();
  const text = make("input", { type: "search", placeholder: "someone jumps to the left" });
  const keywords = make("input", { type: "search", placeholder: "run:2, -jump" });
  const drop = new Drop(work, take);
  const by = select([["meaning", "meaning"], ["words", "words, with those that matched"]], "meaning");
  const model = select([["", "the first"], ...page.models.similarity.map((name) => [name, name])], "");
  const top = number({ min: 1, max: 60, step: 1, value: 12 });
  const go = make("button", { type: "submit", class: "primary" }, "Search");
  const own = make("div", { class: "own" });
  const player = new MotionPlayer(own, { compact: true });
  const ways = make("div", { class: "segments", role: "radiogroup", "aria-label": "Search by" }, WAYS.map(([value, label]) =>
    make("label", {}, make("input", { type: "radio", name: "way", value, checked: value === "text", onchange: () => choose(value) }), label)));
  const asks = { text: field("What the person does", text), keywords: field("Keywords, with weights and exclusions", keywords), motion: make("div", {}, drop.element, own) };
  const form = make("form", { class: "form", onsubmit: (event) => { event.preventDefault(); run(); } }, ways, ...Object.values(asks),
    make("details", {}, make("summary", {}, "How it is searched"), field("By", by), field("Model", model), field("Hits", top)), make("div", { class: "buttons" }, go));
  const found = make("div", { class: "cards", "aria-live": "polite" }, make("p", { class: "empty" }, "Hits stand here as small players; point at one and it plays."));
  let way = "text";
  let motion = null;
  let cards = [];
  element.append(make("div", { class: "side" }, missingNotice(panel), form), make("div", { class: "main" }, work.element, found));
  choose("text");

  function choose(value) {
    way = value;
    ways.querySelector(`[value=${value}]`).checked = true;
    for (const [name, part] of Object.entries(asks)) part.hidden = name !== value;
  }

  function take(taken) {
    motion = taken;
    choose("motion");
    player.show([motion]);
    work.busy = false; // the file is read: what follows is the search
    return run();
  }

  function run() {
    const asked = { text: { text: text.value }, keywords: { keywords: keywords.value }, motion: { motion: motion?.key } }[way];
    return work.run(go, async () => {
      if (way === "motion" && !motion) throw new Error("drop a motion, or take one of another panel by its button Find like it");
      const { hits, notes } = await ask("search", { ...asked, by: way === "keywords" ? "words" : by.value, model: model.value || null, top: valueOf(top) ?? 12 });
      work.say(notes);
      endCards(cards);
      cards = hits.map((hit) => hitCard({ ...hit, key: hit.is_clip ? `clip:${hit.clip}` : null, title: hit.clip, detail: `rank ${hit.rank}` }));
      found.replaceChildren(...(cards.length ? cards.map(({ card }) => card) : [make("p", { class: "empty" }, "No motion has these words.")]));
      fillCards(cards);
    });
  }

  return {
    enter(query) {
      if (query.get("motion") && query.get("motion") !== motion?.key) return work.run(null, async () => take(await openMotion(query.get("motion"))));
      if (query.get("text") && query.get("text") !== text.value) {
        text.value = query.get("text");
        choose("text");
        return run();
      }
      return null;
    },
  };
}
