// Clips as small players: one that is pointed at or focused plays; a motion is fetched when it is seen.
import { motionOf } from "./api.js";
import { make } from "./dom.js";
import { MotionPlayer } from "./motion_player.js";


export function hitCard({ key, title, caption, score, words = [], detail = "" }) {
  const stage = make("div", { class: "card-stage" });
  const player = new MotionPlayer(stage, { compact: true });
  const use = (panel, label) => make("a", { class: "small", href: `#${panel}?motion=${encodeURIComponent(key)}` }, label);
  const card = make("article", { class: "card", "aria-label": `${title}: ${caption}` }, stage,
    make("div", { class: "card-text" }, make("p", { class: "card-caption" }, caption || "no caption"),
      words.length ? make("p", { class: "matched", "aria-label": "Words that matched" }, words.slice(0, 6).map(([word, share]) => make("mark", { title: `${(100 * share).toFixed(0)} % of the score` }, `${word} ${(100 * share).toFixed(0)}%`))) : null,
      make("p", { class: "fine" }, make("span", { class: "name" }, title), score === undefined ? null : make("span", { class: "score" }, score.toFixed(3)), detail ? make("span", {}, detail) : null),
      key ? make("p", { class: "uses" }, use("edit", "Edit"), use("describe", "Describe"), use("search", "Like it")) : null));
  for (const name of ["pointerenter", "focusin"]) card.addEventListener(name, () => player.player?.setPlaying(true));
  for (const name of ["pointerleave", "focusout"]) card.addEventListener(name, () => player.player?.setPlaying(false));
  return { card, player, stage, key, shown: false };
}

// Fetches the motions of cards in their order, and starts the players.
export async function fillCards(cards) {
  for (const each of cards) {
    if (each.gone || each.shown || !each.key) continue;
    each.shown = true;
    try {
      const motion = await motionOf(each.key);
      if (!each.gone) each.player.show([{ ...motion, title: "" }]);
    } catch (fault) {
      each.stage.replaceChildren(make("p", { class: "fault" }, fault.message));
    }
  }
}

export function endCards(cards) {
  for (const each of cards) {
    each.gone = true;
    each.player.end();
  }
}

