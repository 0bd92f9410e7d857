// Panel Edit: a stretch of a motion anew, or one part of the body, the old and the new beside each other.
import { ask, openMotion } from "./api.js";
import { field, make, number, select, valueOf } from "./dom.js";
import { Drop } from "./drop.js";
import { motionActions } from "./motion_actions.js";
import { MotionPlayer } from "./motion_player.js";
import { missingNotice, Work } from "./work.js";

const STRETCHES = [["span", "a span, marked on the line of time"], ["after", "what comes next"], ["before", "what came before"]];
const PART = "part "; // before the name of one

export function makePanel(element, page, panel) {
  const work = new Work();
  const drop = new Drop(work, take);
  const text = make("textarea", { rows: 2, placeholder: "what happens there; empty: the motion alone decides" });
  const parts = page.parts.map((name) => [`${PART}${name}`, `one part, all the time: ${name.replaceAll("_", " ")}`]);
  const anew = select([...(page.models.complete.length || !parts.length ? STRETCHES : []), ...parts], "span");
  const from = number({ min: 0, step: "any" });
  const to = number({ min: 0, step: "any" });
  const length = number({ min: 0.2, step: "any", placeholder: "as long, or estimated" });
  const count = number({ min: 1, max: 6, step: 1, value: 1 });
  const seed = number({ min: 0, step: 1, value: 0 });
  const guidance = number({ min: 0, max: 20, step: "any", placeholder: "the model's" });
  const steps = number({ min: 1, max: 100, step: 1, placeholder: "the model's" });
  const span = make("div", { class: "pair" }, field("From, s", from), field("To, s", to));
  const lengthField = field("Seconds", length);
  const stepsField = field("Steps", steps);
  const go = make("button", { type: "submit", class: "primary", disabled: true }, "Make it anew");
  const again = make("button", { type: "button", disabled: true, onclick: () => { seed.value = Math.floor(Math.random() * 1e6); form.requestSubmit(); } }, "Another seed");
  const form = make("form", { class: "form", onsubmit: (event) => { event.preventDefault(); run(); } },
    drop.element, field("Make", anew), span, field("Text", text),
    make("div", { class: "pair" }, lengthField, field("Variants", count)), field("Seed", seed),
    make("details", {}, make("summary", {}, "How it is drawn"), make("div", { class: "pair" }, field("Guidance", guidance), stepsField)),
    make("div", { class: "buttons" }, go, again));
  const source = make("div", { class: "stage" }, make("p", { class: "empty" }, "Drop a motion, or take one of another panel by its button Edit; then mark a span on its line of time."));
  const result = make("div", { class: "stage" });
  const under = make("div", {});
  const given = new MotionPlayer(source, { onselect: (start, end) => mark(start, end) });
  const edited = new MotionPlayer(result);
  let motion = null;
  element.append(make("div", { class: "side" }, missingNotice(panel), form), make("div", { class: "main" }, work.element, source, result, under));
  anew.addEventListener("change", showWhatCounts);
  showWhatCounts();
  for (const control of [from, to]) control.addEventListener("change", () => given.timeline?.select(valueOf(from) ?? 0, valueOf(to) ?? motion.seconds));

  function part() {
    return anew.value.startsWith(PART) ? anew.value.slice(PART.length) : null;
  }

  // A part is made as long as its motion, by a model of its own.
  function showWhatCounts() {
    span.hidden = anew.value !== "span";
    given.timeline?.span.toggleAttribute("hidden", anew.value !== "span");
    lengthField.hidden = stepsField.hidden = part() !== null;
    text.placeholder = part() ? "what the part does, or the person" : "what happens there; empty: the motion alone decides";
  }

  function mark(start, end) {
    from.value = start.toFixed(2);
    to.value = end.toFixed(2);
  }

  function take(taken) {
    motion = taken;
    given.show([motion]);
    mark(motion.seconds / 3, (2 * motion.seconds) / 3);
    given.timeline.select(motion.seconds / 3, (2 * motion.seconds) / 3);
    showWhatCounts();
    for (const button of [go, again]) button.disabled = false;
    edited.end();
    result.replaceChildren();
    under.replaceChildren();
  }

  function run() {
    if (!motion) return null;
    const place = part() ? { anew: "part", part: part() }
      : { anew: anew.value, ...(anew.value === "span" ? { start: valueOf(from), end: valueOf(to) } : {}), seconds: valueOf(length), steps: valueOf(steps) };
    return work.run(go, async () => {
      const answer = await ask("edit", { motion: motion.key, ...place, text: text.value.trim() || null, seed: valueOf(seed) ?? 0, count: valueOf(count) ?? 1, guidance: valueOf(guidance) });
      work.say([answer.warning, ...answer.notes]);
      given.pause();
      edited.show([answer.given, ...answer.motions], { over: true });
      edited.player.seek(Math.max(0, answer.made[0] - 0.5)); // plays on from there, unless the user wants no motion
      under.replaceChildren(motionActions(answer.motions, page), make("p", { class: "fine" }, `made by the model: ${answer.made[0].toFixed(2)} to ${answer.made[1].toFixed(2)} s`));
    });
  }

  return {
    enter: (query) => (query.get("motion") && query.get("motion") !== motion?.key ? work.run(null, async () => take(await openMotion(query.get("motion")))) : null),
    leave: () => { given.pause(); edited.pause(); },
  };
}
