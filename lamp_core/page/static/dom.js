// Elements by a call: make("button", { type: "button", onclick }, "Go").
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name === "style" || name === "dataset") Object.assign(element[name], value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

let fields = 0;

// A label, its control, and a hint below.
export function field(label, control, hint = "") {
  control.id ||= `field-${++fields}`;
  const told = hint ? make("small", { id: `${control.id}-hint` }, hint) : null;
  if (told) control.setAttribute("aria-describedby", told.id);
  return make("div", { class: "field" }, make("label", { for: control.id }, label), control, told);
}

export function number(properties) {
  return make("input", { type: "number", inputmode: "decimal", ...properties });
}

export function select(options, chosen) {
  return make("select", {}, options.map(([value, label]) => make("option", { value, selected: value === chosen }, label)));
}

// The number in a field; null where it is empty.
export function valueOf(control) {
  return control.value.trim() === "" ? null : Number(control.value);
}

export function seconds(value) {
  return `${value.toFixed(1)} s`;
}
