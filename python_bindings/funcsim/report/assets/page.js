// Starts the page: theme, plots, table, print.

const root = document.documentElement;
root.classList.add("scripted");
const data = JSON.parse(document.getElementById("data").textContent);
const plots = new Plots(data);
const table = document.getElementById("unit-table") && new UnitTable(data);

// Kept where the browser lets a file keep something.
function kept() {
  try {
    return localStorage.getItem("funcsim-theme");
  } catch {
    return null;
  }
}

function keep(theme) {
  try {
    localStorage.setItem("funcsim-theme", theme);
  } catch {
    // It will ask the system again next time.
  }
}

const button = document.getElementById("theme");
const system = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

function showTheme() {
  button.setAttribute("aria-pressed", isDark());
  button.textContent = isDark() ? "Light" : "Dark";
  button.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
  plots.redraw();
}

if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
button.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  keep(root.dataset.theme);
  showTheme();
});
system.addEventListener("change", showTheme);
showTheme();

// The numbers of silent units lead to them.
document.querySelectorAll("#kinds-table tbody tr").forEach((line, place) => {
  ["dead", "always on", "duplicate", "none"].forEach((kind, column) => {
    const cell = line.cells[column + 1];
    if (/^[0\s/]*$/.test(cell.textContent)) return;
    const link = Object.assign(document.createElement("button"), { type: "button", textContent: cell.textContent });
    link.setAttribute("aria-label", `${cell.textContent}: show them in the table of units`);
    link.addEventListener("click", () => table.show(place, kind));
    cell.replaceChildren(link);
  });
});

// Paper is white, and has no scroll bar.
let themeBefore;
addEventListener("beforeprint", () => {
  themeBefore = root.dataset.theme;
  root.dataset.theme = "light";
  plots.drawAll();
  table?.print(true);
});
addEventListener("afterprint", () => {
  if (themeBefore) root.dataset.theme = themeBefore;
  else delete root.dataset.theme;
  plots.redraw();
  table?.print(false);
});
