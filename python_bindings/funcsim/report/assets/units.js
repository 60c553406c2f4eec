// The table of units: columns are typed arrays, and only the rows that are seen are in the document.

const ROW_HEIGHT = 32;
const ROWS_AROUND = 12;
const PRINTED_ROWS = 40;
const MOST_ROWS = 200; // whatever the height is said to be, as on paper

function decoded(column) {
  const text = atob(column.data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const types = { Int32Array, Float32Array, Uint8Array };
  return new types[column.type](bytes.buffer);
}

function escaped(text) {
  const names = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return String(text).replace(/[&<>"]/g, (letter) => names[letter]);
}

// What is searched for: [{network: "a", "b" or "", first, last}]; null for what isn't a search.
function searchTerms(text) {
  const terms = [];
  for (const word of text.trim().toLowerCase().split(/[\s,]+/).filter(Boolean)) {
    const found = /^([ab]?)(\d+)(?:-(\d+))?$/.exec(word);
    if (!found) return null;
    terms.push({ network: found[1], first: Number(found[2]), last: Number(found[3] ?? found[2]) });
  }
  return terms;
}

class UnitTable {
  constructor(data) {
    this.layers = data.layers;
    this.kinds = data.kinds;
    this.columns = Object.fromEntries(Object.entries(data.columns).map(([name, column]) => [name, decoded(column)]));
    this.total = this.columns.layer.length;
    this.order = Uint32Array.from({ length: this.total }, (_, row) => row); // of all rows, as they are sorted
    this.rows = this.order; // those of them that are shown
    this.sorted = { name: "", descending: false };
    this.printing = false;
    this.scroll = document.getElementById("unit-scroll");
    this.table = document.getElementById("unit-table");
    this.body = this.table.tBodies[0];
    this.headings = [
      ["layer", "layer", (row) => escaped(this.layerName(row))],
      ["unit_a", "unit of a", (row) => this.unit("a", row)],
      ["unit_b", "unit of b", (row) => this.unit("b", row)],
      ["similarity", data.similarity === "phi" ? "phi" : "J", (row) => this.bar(row)],
      ["density_a", "density a", (row) => this.number("density_a", row)],
      ["density_b", "density b", (row) => this.number("density_b", row)],
      ...(this.columns.flicker ? [["flicker", "flicker", (row) => this.number("flicker", row)]] : []),
      ["kind", "kind", (row) => escaped(this.kind(row))],
    ];
    this.makeHead();
    this.makeFilters();
    this.scroll.addEventListener("scroll", () => this.schedule(), { passive: true });
    window.addEventListener("resize", () => this.schedule());
    this.sort("similarity"); // units that changed most are what a reader looks for
  }

  layerName(row) {
    const layer = this.layers[this.columns.layer[row]];
    return layer.name_a === layer.name_b ? layer.name_a : `${layer.name_a} – ${layer.name_b}`;
  }

  unit(network, row) {
    const unit = this.columns[`unit_${network}`][row];
    return unit < 0 ? "none" : String(unit);
  }

  number(name, row) {
    const value = this.columns[name][row];
    return Number.isNaN(value) ? "" : value.toFixed(4);
  }

  bar(row) {
    const value = this.columns.similarity[row];
    if (Number.isNaN(value)) return "";
    return `<span class="bar" style="--share:${Math.min(Math.max(value, 0), 1).toFixed(4)}">${value.toFixed(4)}</span>`;
  }

  kind(row) {
    const parts = [];
    const { kind_a: kindA, kind_b: kindB } = this.columns;
    const isEqual = kindA[row] === kindB[row] && this.columns.duplicate_of_a[row] < 0;
    if (isEqual) return kindA[row] ? `both ${this.kinds[kindA[row]]}` : "";
    for (const network of ["a", "b"]) {
      const kind = this.kinds[this.columns[`kind_${network}`][row]];
      const duplicateOf = this.columns[`duplicate_of_${network}`][row];
      if (duplicateOf >= 0) parts.push(`${network}: ${kind} of ${duplicateOf}`);
      else if (kind) parts.push(`${network}: ${kind}`);
    }
    return parts.join(", ");
  }

  // Names that are cut off are seen in full under the pointer.
  cell(name, content) {
    return name === "layer" || name === "kind" ? `<td title="${content}">${content}</td>` : `<td>${content}</td>`;
  }

  makeHead() {
    const head = this.table.tHead.rows[0];
    for (const [name, label] of this.headings) {
      const cell = document.createElement("th");
      cell.scope = "col";
      cell.dataset.column = name;
      const button = document.createElement("button");
      button.type = "button";
      button.addEventListener("click", () => this.sort(name));
      button.append(label, " ", Object.assign(document.createElement("span"), { className: "arrow", ariaHidden: "true" }));
      cell.append(button);
      head.append(cell);
    }
    this.table.setAttribute("aria-colcount", this.headings.length);
  }

  makeFilters() {
    const byId = (id) => document.getElementById(id);
    this.filters = { search: byId("search"), layer: byId("layer"), kind: byId("kind"), most: byId("most") };
    this.layers.forEach((layer, place) => {
      const name = layer.name_a === layer.name_b ? layer.name_a : `${layer.name_a} – ${layer.name_b}`;
      this.filters.layer.append(new Option(name, place));
    });
    for (const kind of this.kinds.filter(Boolean)) this.filters.kind.append(new Option(kind, kind));
    const form = byId("filters");
    form.addEventListener("input", () => this.filter());
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(() => this.filter()));
  }

  // Shows what the filters let through.
  filter() {
    const { layer, unit_a: unitA, unit_b: unitB, similarity, kind_a: kindA, kind_b: kindB } = this.columns;
    const terms = searchTerms(this.filters.search.value);
    const wantedLayer = this.filters.layer.value === "" ? -1 : Number(this.filters.layer.value);
    const wantedKind = this.filters.kind.value;
    const kind = this.kinds.indexOf(wantedKind);
    const most = this.filters.most.value === "" ? Infinity : Number(this.filters.most.value);
    const isFound = ({ network, first, last }, row) =>
      (network !== "b" && unitA[row] >= first && unitA[row] <= last) ||
      (network !== "a" && unitB[row] >= first && unitB[row] <= last);
    this.rows = this.order.filter(
      (row) =>
        (wantedLayer < 0 || layer[row] === wantedLayer) &&
        (wantedKind === "" ||
          (wantedKind === "none" ? unitA[row] < 0 || unitB[row] < 0 : kindA[row] === kind || kindB[row] === kind)) &&
        (most === Infinity || similarity[row] <= most) &&
        (terms === null || terms.length === 0 || terms.some((term) => isFound(term, row))),
    );
    this.filters.search.setAttribute("aria-invalid", terms === null);
    document.getElementById("found").textContent =
      terms === null
        ? "That is no number of a unit: expected 12, a12, b7 or 10-20."
        : `${this.rows.length.toLocaleString("en")} of ${this.total.toLocaleString("en")} rows`;
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.scroll.scrollTop = 0;
    this.draw();
  }

  // Sorts by a column; the other way round where it is sorted by it already. What is missing comes last.
  sort(name) {
    const descending = this.sorted.name === name && !this.sorted.descending;
    this.sorted = { name, descending };
    const { kind_a: kindA, kind_b: kindB } = this.columns;
    const isUnit = name === "unit_a" || name === "unit_b";
    const column = this.columns[name];
    const key = new Float64Array(this.total);
    for (let row = 0; row < this.total; row++) {
      const value = name === "kind" ? -(kindA[row] * this.kinds.length + kindB[row]) : column[row];
      const isMissing = Number.isNaN(value) || (isUnit && value < 0);
      key[row] = isMissing ? Infinity : descending ? -value : value;
    }
    this.order.sort((one, other) => (key[one] < key[other] ? -1 : key[one] > key[other] ? 1 : one - other));
    this.filter();
  }

  // Only one class of layers, for links from elsewhere on the page.
  show(layer, kind) {
    this.filters.search.value = this.filters.most.value = "";
    this.filters.layer.value = String(layer);
    this.filters.kind.value = kind;
    this.filter();
    document.getElementById("units").scrollIntoView();
    this.scroll.focus({ preventScroll: true });
  }

  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  // For paper: the first rows only, until it is told otherwise.
  print(printing) {
    this.printing = printing;
    this.draw();
  }

  draw() {
    const seen = Math.min(Math.ceil(this.scroll.clientHeight / ROW_HEIGHT), MOST_ROWS);
    let first = Math.max(Math.floor(this.scroll.scrollTop / ROW_HEIGHT) - ROWS_AROUND, 0);
    let last = Math.min(first + seen + 2 * ROWS_AROUND, this.rows.length);
    if (this.printing) [first, last] = [0, Math.min(PRINTED_ROWS, this.rows.length)];
    const lines = [];
    for (let place = first; place < last; place++) {
      const cells = this.headings.map(([name, , content]) => this.cell(name, content(this.rows[place]))).join("");
      lines.push(`<tr aria-rowindex="${place + 2}">${cells}</tr>`);
    }
    const spacer = (rows) =>
      rows > 0 && !this.printing
        ? `<tr class="spacer" aria-hidden="true"><td colspan="${this.headings.length}" style="height:${rows * ROW_HEIGHT}px"></td></tr>`
        : "";
    this.body.innerHTML = spacer(first) + lines.join("") + spacer(this.rows.length - last);
    for (const cell of this.table.tHead.rows[0].cells) {
      const isSorted = cell.dataset.column === this.sorted.name;
      const order = this.sorted.descending ? "descending" : "ascending";
      if (isSorted) cell.setAttribute("aria-sort", order);
      else cell.removeAttribute("aria-sort");
      cell.querySelector(".arrow").textContent = isSorted ? (this.sorted.descending ? "↓" : "↑") : "";
    }
  }
}
