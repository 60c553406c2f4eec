// The plots, in the colours of the page. Each is drawn when it comes into sight, and again when the theme changes.

function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

// "layer 0", and names that are words as they are.
const layerTitle = (name) => (/^\d/.test(name) ? `layer ${name}` : name);

const layerLabel = (layer) => (layer.name_a === layer.name_b ? layer.name_a : `${layer.name_a} – ${layer.name_b}`);

function layout(changes) {
  const axis = { gridcolor: color("grid"), zerolinecolor: color("grid"), linecolor: color("line"), automargin: true };
  const { xaxis, yaxis, ...rest } = changes;
  return {
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, color: color("text"), size: 13 },
    margin: { l: 10, r: 10, t: 10, b: 10 },
    hoverlabel: { bgcolor: color("card"), bordercolor: color("quiet"), font: { color: color("text") } },
    xaxis: { ...axis, ...xaxis },
    yaxis: { ...axis, ...yaxis },
    ...rest,
  };
}

// Names of layers on an axis: as many as can be read side by side, evenly.
function ticks(names, most) {
  const step = Math.ceil(names.length / most);
  const places = names.map((_, place) => place).filter((place) => place % step === 0);
  return { tickvals: places, ticktext: places.map((place) => names[place]) };
}

// Of names that stand side by side at an angle, or one above the other.
const ACROSS = () => Math.max(Math.floor(innerWidth / 25), 8);
const DOWN = 40;

// Room for names that stand at an angle.
function roomFor(names) {
  const longest = Math.max(...names.map((name) => name.length));
  return longest > 8 ? Math.min(5 * longest, 200) : 0;
}

function profile(data) {
  const places = data.layers.map((_, place) => place);
  const labels = data.layers.map(layerLabel);
  const scores = data.layers.map((layer) => layer.score);
  const chances = data.layers.map((layer) => layer.chance);
  const above = data.layers.map((l) => (l.interval ? l.interval[1] - l.score : 2 * l.standard_error));
  const below = data.layers.map((l) => (l.interval ? l.score - l.interval[0] : 2 * l.standard_error));
  const hover = (what) => `%{customdata}<br>${what} %{y:.4f}<extra></extra>`;
  const traces = [
    {
      type: "bar", x: places, base: chances, y: scores.map((score, i) => score - chances[i]), width: 0.3,
      marker: { color: color("accent"), opacity: 0.3 }, hoverinfo: "skip", showlegend: false,
    },
    {
      type: "scatter", mode: "markers", name: "score", x: places, y: scores, customdata: labels.map(layerTitle),
      marker: { color: color("accent"), size: 11 },
      error_y: { type: "data", array: above, arrayminus: below, visible: above.some((value) => value > 0), color: color("text") },
      hovertemplate: hover("score"),
    },
    {
      type: "scatter", mode: "markers", name: "chance", x: places, y: chances, customdata: labels.map(layerTitle),
      marker: { color: color("chance"), size: 16, symbol: "line-ew", line: { color: color("chance"), width: 3 } },
      hovertemplate: hover("chance"),
    },
  ];
  const lowest = Math.min(0, ...scores, ...chances);
  return {
    traces,
    label: `Scores and chance levels of ${labels.length} pairs of layers; the table above has the numbers`,
    layout: layout({
      height: 320 + roomFor(labels),
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom" },
      xaxis: { title: { text: "layer" }, ...ticks(labels, ACROSS()), range: [-0.5, places.length - 0.5] },
      yaxis: { title: { text: "score" }, range: [lowest < 0 ? lowest - 0.05 : 0, 1.03] },
    }),
  };
}

function heat(data) {
  const { names_a: a, names_b: b, adjusted, scores, chances } = data.matrix;
  const numbers = adjusted.map((row, i) => row.map((_, j) => [scores[i][j], chances[i][j]]));
  const withText = a.length <= 24 && b.length <= (innerWidth < 640 ? 6 : 16);
  const trace = {
    type: "heatmap",
    z: adjusted,
    x: b.map((_, place) => place),
    y: a.map((_, place) => place),
    customdata: numbers.map((row, i) => row.map((pair, j) => [...pair, a[i], b[j]])),
    hovertemplate:
      "layer %{customdata[2]} of a, %{customdata[3]} of b<br>adjusted %{z:.4f}<br>score %{customdata[0]:.4f}, " +
      "chance %{customdata[1]:.4f}<extra></extra>",
    hoverongaps: false,
    colorscale: "Cividis",
    zmin: 0,
    zmax: 1,
    xgap: b.length > 100 ? 0 : 1,
    ygap: a.length > 100 ? 0 : 1,
    colorbar: { title: { text: "adjusted", side: "right" }, thickness: 14, outlinewidth: 0 },
  };
  // Where the scale's colours are as far from white as from black; Plotly's own choice is too pale to read.
  const ink = (value) => (value === null ? color("quiet") : value < 0.47 ? "#ffffff" : "#000000");
  const texts = adjusted.flatMap((row, i) =>
    row.map((value, j) => ({ x: j, y: i, text: value?.toFixed(2) ?? "–", showarrow: false, font: { color: ink(value) } })),
  );
  return {
    traces: [trace],
    label: `Heat map of adjusted scores, ${a.length} layers of a by ${b.length} layers of b`,
    layout: layout({
      height: Math.min(Math.max(240, 110 + 34 * a.length), 900) + roomFor(b),
      plot_bgcolor: color("card"),
      annotations: withText ? texts : [],
      xaxis: { title: { text: "layer of b", standoff: 12 }, ...ticks(b, ACROSS()), showgrid: false, zeroline: false, side: "top" },
      yaxis: { title: { text: "layer of a", standoff: 12 }, ...ticks(a, DOWN), showgrid: false, zeroline: false, autorange: "reversed" },
    }),
  };
}

function histogram(data, place) {
  const layer = data.layers[place];
  const bins = layer.matched.length;
  const width = (1 - data.lowest) / bins;
  const starts = layer.matched.map((_, bin) => data.lowest + bin * width);
  const ranges = starts.map((start) => `${start.toFixed(3)} to ${(start + width).toFixed(3)}`);
  const traces = [
    {
      type: "bar", name: "matched units", x: starts.map((start) => start + width / 2), y: layer.matched, width,
      marker: { color: color("accent") }, customdata: ranges, hovertemplate: "%{customdata}<br>%{y:.1%} of matched units<extra></extra>",
    },
  ];
  if (layer.by_chance) {
    traces.push({
      type: "scatter", mode: "lines", name: "by chance", x: [...starts, 1], y: [...layer.by_chance, layer.by_chance[bins - 1]],
      line: { shape: "hv", color: color("chance"), width: 2.5 }, customdata: [...ranges, ranges[bins - 1]],
      hovertemplate: "%{customdata}<br>%{y:.1%} by chance<extra></extra>",
    });
  }
  const middle = layer.mean_by_chance;
  const line = { type: "line", x0: middle, x1: middle, yref: "paper", y0: 0, y1: 1, line: { color: color("chance"), width: 2.5, dash: "dash" } };
  return {
    traces,
    label: `Layer ${layerLabel(layer)}: similarity of ${layer.pairs} matched pairs, mean ${layer.mean.toFixed(3)}; by chance ${middle.toFixed(3)}`,
    layout: layout({
      height: 176,
      showlegend: false,
      bargap: 0,
      shapes: layer.by_chance ? [] : [line],
      xaxis: { range: [data.lowest, 1.005], nticks: 6 },
      yaxis: { tickformat: ".0%", nticks: 4, rangemode: "tozero" },
    }),
  };
}

class Plots {
  constructor(data) {
    this.makers = new Map();
    this.drawn = new Set();
    for (const [id, make] of [["profile", profile], ["heat", heat]]) {
      const element = document.getElementById(id);
      if (element) this.makers.set(element, () => make(data));
    }
    const grid = document.getElementById("histograms");
    (grid ? data.layers : []).forEach((layer, place) => {
      const figure = document.createElement("figure");
      const plot = Object.assign(document.createElement("div"), { className: "plot" });
      const caption = document.createElement("figcaption");
      caption.textContent = `${layerTitle(layerLabel(layer))}: mean ${layer.mean.toFixed(3)}, by chance ${layer.mean_by_chance.toFixed(3)}`;
      figure.append(plot, caption);
      grid.append(figure);
      this.makers.set(plot, () => histogram(data, place));
    });
    const observer = new IntersectionObserver(
      (entries) => {
        for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
          observer.unobserve(target);
          this.draw(target);
        }
      },
      { rootMargin: "400px" },
    );
    for (const element of this.makers.keys()) observer.observe(element);
  }

  draw(element) {
    const { traces, layout: where, label } = this.makers.get(element)();
    Plotly.react(element, traces, where, { responsive: true, displayModeBar: false });
    element.setAttribute("role", "img");
    element.setAttribute("aria-label", label);
    this.drawn.add(element);
  }

  redraw() {
    for (const element of this.drawn) this.draw(element);
  }

  drawAll() {
    for (const element of this.makers.keys()) this.draw(element);
  }
}
