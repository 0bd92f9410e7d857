// Dark or light: as the system says, until the button says otherwise.
const KEY = "lamp-theme";
const dark = matchMedia("(prefers-color-scheme: dark)");

function apply(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  globalThis.LampPlayer.redraw();
}

export function startTheme(button) {
  apply(localStorage.getItem(KEY));
  button.addEventListener("click", () => {
    const isDark = (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
    const chosen = isDark ? "light" : "dark";
    localStorage.setItem(KEY, chosen);
    apply(chosen);
  });
}
