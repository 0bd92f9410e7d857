// Panel Gallery: the clips of a data set, by split, action and words; only what is seen is there (a virtual list).
import { ask } from "./api.js";
import { make, select } from "./dom.js";
import { endCards, fillCards, hitCard } from "./hits.js";
import { Work } from "./work.js";

const [NARROWEST, HEIGHT, GAP] = [210, 302, 12];

export function makePanel(element) {
  element.classList.add("wide");
  const work = new Work();
  const set = select([], "");
  const split = select([["", "every split"], ["train", "train"], ["val", "val"], ["test", "test"]], "");
  const action = select([["", "every action"]], "");
  const words = make("input", { type: "search", placeholder: "words of the caption or the name", "aria-label": "Words of the caption or the name" });
  const told = make("output", { class: "fine" });
  const rows = make("div", { class: "virtual" });
  for (const [control, label] of [[set, "Data set"], [split, "Split"], [action, "Action"]]) control.setAttribute("aria-label", label);
  element.append(make("div", { class: "main" }, make("div", { class: "filters" }, set, split, action, words, told), work.element, rows));
  let all = { clips: [], prefix: "" };
  let clips = [];
  const shown = new Map();
  set.addEventListener("change", () => load(set.value));
  for (const control of [split, action, words]) control.addEventListener("input", filter);
  for (const name of ["scroll", "resize"]) addEventListener(name, () => element.isConnected && requestAnimationFrame(place), { passive: true });

  function load(name) {
    return work.run(null, async () => {
      all = await ask("gallery", { set: name });
      set.replaceChildren(...all.sets.map((each) => make("option", { value: each, selected: each === all.set }, each)));
      const actions = [...new Set(all.clips.map((clip) => clip[4]))].sort();
      action.replaceChildren(make("option", { value: "" }, "every action"), ...actions.map((each) => make("option", { value: each }, each)));
      filter();
    });
  }

  function filter() {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    clips = all.clips.filter(([name, ofSplit, , caption, does]) => (!split.value || ofSplit === split.value) && (!action.value || does === action.value)
      && wanted.every((word) => caption.toLowerCase().includes(word) || name.toLowerCase().includes(word)));
    told.textContent = `${clips.length.toLocaleString("en")} of ${all.clips.length.toLocaleString("en")} clips`;
    clear();
    place();
  }

  function clear() {
    endCards([...shown.values()]);
    shown.clear();
    rows.replaceChildren();
  }

  // Puts the cards that can be seen, and two rows around them, where they belong; takes the others away.
  function place() {
    const columns = Math.max(1, Math.floor((rows.clientWidth + GAP) / (NARROWEST + GAP)));
    const width = (rows.clientWidth - GAP * (columns - 1)) / columns;
    rows.style.height = `${Math.ceil(clips.length / columns) * (HEIGHT + GAP)}px`;
    const top = -rows.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / (HEIGHT + GAP)) - 1) * columns;
    const last = Math.min(clips.length, (Math.ceil((top + innerHeight) / (HEIGHT + GAP)) + 1) * columns);
    for (const [index, card] of shown) {
      if (index >= first && index < last) continue;
      endCards([card]);
      card.card.remove();
      shown.delete(index);
    }
    for (let index = first; index < last; index++) {
      if (!shown.has(index)) shown.set(index, add(index));
      const { style } = shown.get(index).card;
      style.width = `${width}px`;
      style.height = `${HEIGHT}px`;
      style.transform = `translate(${(index % columns) * (width + GAP)}px, ${Math.floor(index / columns) * (HEIGHT + GAP)}px)`;
    }
    clearTimeout(place.waiting);
    place.waiting = setTimeout(() => fillCards([...shown.values()]), 120); // not while the list flies by
  }

  function add(index) {
    const [name, ofSplit, length, caption] = clips[index];
    const card = hitCard({ key: all.prefix + name, title: name, caption, detail: `${ofSplit}, ${length.toFixed(1)} s` });
    rows.append(card.card);
    return card;
  }

  return { enter: () => (all.clips.length ? place() : load(null)), leave: clear };
}
