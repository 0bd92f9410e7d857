// Panel Compare: makers side by side for the caption of a clip, beside the truth; blind it is a study in a box.
import { ask } from "./api.js";
import { field, make, number, select, valueOf } from "./dom.js";
import { MotionPlayer } from "./motion_player.js";
import { missingNotice, Work } from "./work.js";

export function makePanel(element, page, panel) {
  const work = new Work();
  const makers = make("div", { class: "makers" });
  const clip = make("input", { type: "text", placeholder: "drawn by the seed" });
  const seed = number({ min: 0, step: 1, value: 0 });
  const truth = make("input", { type: "checkbox", checked: true });
  const blind = make("input", { type: "checkbox" });
  const go = make("button", { type: "submit", class: "primary" }, "Compare");
  const next = make("button", { type: "button", onclick: () => { clip.value = ""; seed.value = Math.floor(Math.random() * 1e6); form.requestSubmit(); } }, "Another clip");
  const add = make("button", { type: "button", class: "small", onclick: () => addMaker({ guidance: 1 }) }, "Add another");
  const form = make("form", { class: "form", onsubmit: (event) => { event.preventDefault(); run(); } },
    make("span", { class: "legend" }, "Who makes them"), makers, make("div", { class: "buttons" }, add),
    make("div", { class: "pair" }, field("Clip", clip), field("Seed", seed)),
    make("div", { class: "row" }, make("label", {}, truth, "with the truth"), make("label", {}, blind, "blind")), make("div", { class: "buttons" }, go, next));
  const caption = make("p", { class: "said" });
  const stage = make("div", { class: "stage" }, make("p", { class: "empty" }, "The same caption and seed, side by side. Blind, the motions have letters: say which is better and which is the truth."));
  const asking = make("div", { class: "asking" });
  const tally = make("section", { class: "tally", "aria-label": "Answers so far" });
  const player = new MotionPlayer(stage);
  let runs = [null];
  element.append(make("div", { class: "side" }, missingNotice(panel), form), make("div", { class: "main" }, work.element, caption, stage, asking, tally));

  function addMaker({ guidance = null } = {}) {
    const run = select(runs.map((name) => [name ?? "", name ?? "this project"]), "");
    const model = select([["", "the first model"], ...page.models.generate.map((name) => [name, name])], "");
    const [drawn, steps] = [number({ min: 0, max: 20, step: "any", placeholder: "guidance", value: guidance }), number({ min: 1, max: 100, step: 1, placeholder: "steps" })];
    for (const [control, label] of [[run, "Run"], [model, "Model"], [drawn, "Guidance"], [steps, "Steps"]]) control.setAttribute("aria-label", label);
    const row = make("fieldset", { class: "maker" }, run, model, make("div", { class: "pair" }, drawn, steps),
      make("button", { type: "button", class: "small quiet", "aria-label": "Leave this one out", onclick: () => makers.children.length > 1 && row.remove() }, "×"));
    row.told = () => ({ run: run.value || null, model: model.value || null, guidance: valueOf(drawn), steps: valueOf(steps) });
    makers.append(row);
  }

  function run() {
    return work.run(go, async () => {
      const isAsked = truth.checked; // the box may be changed before the answer comes
      const answer = await ask("compare", { makers: [...makers.children].map((row) => row.told()), clip: clip.value.trim() || null, seed: valueOf(seed) ?? 0, with_truth: isAsked, blind: blind.checked });
      work.say(answer.notes);
      caption.textContent = answer.caption;
      player.show(answer.motions);
      asking.replaceChildren(...(answer.trial ? [question(answer, isAsked)] : [make("p", { class: "fine" }, `clip ${answer.clip}`)]));
    });
  }

  function question({ trial, motions }, isAsked) {
    const letters = motions.map(({ title }) => title);
    const choice = (name, legend, options) => make("fieldset", { class: "choice" }, make("legend", {}, legend), options.map(([value, label]) =>
      make("label", {}, make("input", { type: "radio", name, value, required: true }), label)));
    const parts = [choice("better", "Which is better?", [...letters.map((letter) => [letter, letter]), ["", "cannot tell"]])];
    if (isAsked) parts.push(choice("truth", "Which is the truth?", [...letters.map((letter) => [letter, letter]), ["", "cannot tell"]]));
    const send = make("button", { type: "submit", class: "primary" }, "Answer");
    const answering = make("form", { class: "question", onsubmit: (event) => {
      event.preventDefault();
      const said = new FormData(answering);
      work.run(send, async () => {
        const answer = await ask("answers", { trial, better: said.get("better") || null, truth: said.get("truth") || null });
        reveal(answer, said);
        showCounts(answer);
      });
    } }, ...parts, send);
    return answering;
  }

  function reveal({ shown, clip: name }, said) {
    for (const [i, motion] of player.shown.motions.entries()) player.shown.motions[i] = { ...motion, title: `${motion.title}: ${shown[motion.title]}` };
    player.build();
    const found = said.get("truth") ? (shown[said.get("truth")] === "truth" ? "You found the truth." : `The truth was ${Object.entries(shown).find(([, who]) => who === "truth")[0]}.`) : "";
    asking.replaceChildren(make("p", { class: "note" }, `${found} Better: ${said.get("better") ? shown[said.get("better")] : "undecided"}. Clip ${name}.`), make("div", { class: "buttons" }, make("button", { type: "button", class: "primary", onclick: () => next.click() }, "Next")));
  }

  function showCounts({ counts, file, runs: known }) {
    runs = known;
    const percent = (value) => `${(100 * value).toFixed(0)}%`;
    const table = (title, shares) => (shares.length ? [make("h2", {}, title), make("table", {}, make("tbody", {}, shares.map(({ name, wins, answers, low, high }) =>
      make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, `${wins} of ${answers}`), make("td", {}, answers ? percent(wins / answers) : "–"),
        make("td", { class: "interval" }, make("span", { class: "bar-of", role: "img", "aria-label": `95 % interval ${percent(low)} to ${percent(high)}` },
          make("i", { style: { left: percent(low), width: percent(high - low) } }), make("b", { style: { left: percent(wins / Math.max(1, answers)) } })), make("small", {}, `${percent(low)} to ${percent(high)}`))))))] : []);
    tally.replaceChildren(...table("Better than all others shown", counts.better), ...table("Pair by pair", counts.pairs), ...table("Truth", counts.truth),
      counts.better.length || counts.truth.length ? make("p", { class: "fine" }, `answers are kept in ${file}; intervals are Wilson's, 95 %`) : "");
  }

  async function enter() {
    if (makers.children.length) return;
    showCounts(await ask("counts", {}));
    addMaker();
    for (const name of runs.filter(Boolean)) {
      addMaker();
      makers.lastChild.querySelector("select").value = name;
    }
    if (makers.children.length < 2) addMaker({ guidance: 1 });
  }

  return { enter, leave: () => player.pause() };
}
