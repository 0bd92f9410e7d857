// Panel Generate: motions of a text, side by side in step.
import { ask } from "./api.js";
import { field, make, number, select, valueOf } from "./dom.js";
import { History } from "./history.js";
import { motionActions } from "./motion_actions.js";
import { MotionPlayer } from "./motion_player.js";
import { missingNotice, Work } from "./work.js";

const WAYS = [["bones", "bones of constant length"], ["positions", "positions as they are"], ["rotations", "rotations"]];

export function makePanel(element, page, panel) {
  const text = make("textarea", { rows: 3, required: true, placeholder: "a person walks forward and waves", maxlength: 2000 });
  const length = number({ min: 0.2, step: "any", placeholder: "estimated" });
  const seed = number({ min: 0, step: 1, value: 0 });
  const count = number({ min: 1, max: 12, step: 1, value: 2 });
  const guidance = number({ min: 0, max: 20, step: "any", placeholder: "the model's" });
  const steps = number({ min: 1, max: 100, step: 1, placeholder: "the model's" });
  const model = select([["", "the first"], ...page.models.generate.map((name) => [name, name])], "");
  const decode = select(WAYS, "bones");
  const go = make("button", { type: "submit", class: "primary" }, "Generate");
  const again = make("button", { type: "button", onclick: () => { seed.value = Math.floor(Math.random() * 1e6); form.requestSubmit(); } }, "Again with another seed");
  const share = make("button", { type: "button", class: "quiet", onclick: copyLink }, "Copy link");
  const work = new Work();
  const history = new History("generate", (parameters) => { fill(parameters); run(); });
  const form = make("form", { class: "form", onsubmit: (event) => { event.preventDefault(); run(); } },
    field("What the person does", text),
    make("div", { class: "pair" }, field("Seconds", length), field("Variants", count)),
    make("div", { class: "pair" }, field("Seed", seed, "the same seed, the same motion")),
    make("details", {}, make("summary", {}, "How it is drawn"),
      make("div", { class: "pair" }, field("Guidance", guidance, "more follows the text more closely"), field("Steps", steps)),
      field("Model", model), field("Joints from", decode)),
    make("div", { class: "buttons" }, go, again));
  const stage = make("div", { class: "stage" });
  const under = make("div", {});
  const player = new MotionPlayer(stage);
  stage.append(make("p", { class: "empty" }, "Say what the person does, and motions stand here side by side."));
  element.append(make("div", { class: "side" }, missingNotice(panel), form, share, history.element), make("div", { class: "main" }, work.element, stage, under));
  text.addEventListener("keydown", (event) => { if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); form.requestSubmit(); } });

  function parameters() {
    return { text: text.value, seconds: valueOf(length), seed: valueOf(seed) ?? 0, count: valueOf(count) ?? 1, guidance: valueOf(guidance),
      steps: valueOf(steps), model: model.value || null, decode: decode.value };
  }

  function fill(given) {
    for (const [name, control] of Object.entries({ text, seconds: length, seed, count, guidance, steps, model, decode })) {
      if (given[name] !== undefined) control.value = given[name] ?? "";
    }
  }

  function run() {
    const asked = parameters();
    return work.run(go, async () => {
      const started = performance.now();
      const answer = await ask("generate", asked);
      const took = `${answer.motions.length > 1 ? `${answer.motions.length} motions` : "a motion"} in ${((performance.now() - started) / 1000).toFixed(2)} s`;
      work.say([answer.warning, ...answer.notes]);
      player.show(answer.motions);
      under.replaceChildren(motionActions(answer.motions, page), make("p", { class: "fine" }, `${took}, seed ${asked.seed}`));
      history.add(asked, `${asked.text}`, `seed ${asked.seed}${asked.count > 1 ? `, ${asked.count} variants` : ""}`);
      window.history.replaceState(null, "", link());
    });
  }

  function link() {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters())) if (value !== null && value !== "" && !(name === "decode" && value === "bones")) query.set(name, value);
    return `#generate?${query}`;
  }

  async function copyLink() {
    const address = new URL(link(), location.href).href;
    await navigator.clipboard?.writeText(address).catch(() => {});
    share.textContent = "Copied";
    setTimeout(() => { share.textContent = "Copy link"; }, 1500);
  }

  return {
    enter(query) {
      if (!query.get("text") || link() === location.hash) return null;
      fill(Object.fromEntries(query));
      return run();
    },
    leave: () => player.pause(),
  };
}
