// The curves: held-out and training accuracy above, training loss below, on one axis of steps.
// Vertical marks say what the reader did; earlier runs stay as faint lines.

const CHART = { left: 44, right: 14, top: 8, gap: 20, bottom: 34, row: 15, rows: 3 };

class Chart {
  constructor() {
    this.legend = html("div", { class: "tl-legend" });
    this.svg = svg("svg", { class: "tl-chart", role: "img", "aria-label": "No step taken yet." });
    this.empty = html("p", { class: "tl-empty" }, "Press Start, and the curves grow here.");
    this.host = html("div", { class: "tl-chart-host" }, this.svg, this.empty);
    this.element = html("section", { class: "tl-curves", "aria-label": "Curves" }, this.legend, this.host);
    this.keys = {
      test: this.key("tl-test", "held-out accuracy"),
      train: this.key("tl-train", "training accuracy"),
      loss: this.key("tl-loss", "loss"),
      earlier: this.key("tl-earlier", "earlier runs"),
    };
  }

  key(name, text) {
    const value = html("b", { class: "tl-number" });
    const line = svg("svg", { viewBox: "0 0 22 8", class: "tl-sample", "aria-hidden": "true" });
    svg("line", { x1: 1, x2: 21, y1: 4, y2: 4, class: `tl-line ${name}` }, line);
    if (name === "tl-test") svg("circle", { cx: 11, cy: 4, r: 2.6, class: "tl-dot" }, line);
    const entry = html("span", { class: "tl-key" }, line, text, value);
    this.legend.append(entry);
    return { entry, value };
  }

  draw(store) {
    const { state, curve, evaluations } = store;
    const width = this.host.clientWidth, height = this.host.clientHeight;
    const earlier = (state.earlier ?? []).filter((run) => run.evaluations.length);
    this.sayNow(curve, evaluations, earlier);
    this.empty.hidden = curve.steps.length > 0 || evaluations.length > 0 || earlier.length > 0;
    if (width < 60 || height < 60) return;
    const lastStep = Math.max(
      last(curve.steps), ...evaluations.map((e) => e[0]),
      ...earlier.map((run) => run.evaluations.at(-1)[0]), 20,
    );
    const labels = this.labels(state.marks ?? [], width, lastStep * 1.03);
    const scale = this.scale(width, height, lastStep, curve, labels.rows);
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren();
    this.axes(scale, width, height);
    for (const run of earlier) this.earlierRun(run, scale);
    this.marks(labels, scale);
    const bins = binned(curve, scale);
    line(this.svg, "tl-line tl-train", bins.map((b) => [b.x, scale.y(b.accuracy)]));
    line(this.svg, "tl-line tl-loss", bins.map((b) => [b.x, scale.yLoss(b.loss)]));
    const points = evaluations.map(([step, accuracy]) => [scale.x(step), scale.y(accuracy)]);
    line(this.svg, "tl-line tl-test", points);
    this.earlierNames(earlier, scale);
    const spread = Math.max(1, Math.ceil((points.length * 9) / (width - CHART.left)));
    points.forEach(([cx, cy], i) => {
      const end = i === points.length - 1;
      if (end || i % spread === 0) {
        svg("circle", { cx, cy, r: end ? 4 : 2.4, class: "tl-dot" }, this.svg);
      }
    });
  }

  scale(width, height, lastStep, curve, rows) {
    const { left, right, top, gap, bottom, row } = CHART;
    const upper = top + row * rows + (rows ? 3 : 0), inner = height - upper - bottom - gap;
    const middle = upper + inner * 0.64, lower = middle + gap, floor = height - bottom;
    // finite losses only: a run that diverged must not flatten the rest
    const losses = curve.loss.filter(Number.isFinite).sort((a, b) => a - b);
    const high = losses.length ? losses[Math.floor(0.99 * (losses.length - 1))] : 1;
    const most = niceCeil(Math.max(high * 1.05, 0.1)), end = lastStep * 1.03;
    return {
      upper, middle, lower, floor, most, end,
      x: (step) => left + ((width - left - right) * step) / end,
      y: (accuracy) => middle - (middle - upper) * accuracy,
      yLoss: (loss) => floor - (floor - lower) * Math.min(1, Math.max(0, loss / most)),
    };
  }

  axes(s, width, height) {
    const { left, right } = CHART, group = svg("g", { class: "tl-axes" }, this.svg);
    const rule = (y) => svg("line", { x1: left, x2: width - right, y1: y, y2: y }, group);
    const text = (x, y, words, anchor) => svg("text", { x, y, "text-anchor": anchor }, group, words);
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      rule(s.y(share));
      text(left - 7, s.y(share) + 4, `${100 * share}%`, "end");
    }
    for (const loss of [0, s.most / 2, s.most]) {
      rule(s.yLoss(loss));
      text(left - 7, s.yLoss(loss) + 4, String(Number(loss.toPrecision(3))), "end");
    }
    const stride = niceCeil(s.end / Math.max(2, Math.floor((width - left) / 90)));
    for (let step = 0; step <= s.end; step += stride) {
      text(s.x(step), s.floor + 16, whole(step), "middle");
    }
    text((left + width - right) / 2, height - 3, "optimizer steps", "middle");
  }

  earlierRun(run, s) {
    const points = run.evaluations.map(([step, accuracy]) => [s.x(step), s.y(accuracy)]);
    line(this.svg, "tl-line tl-earlier", points);
  }

  /** Names at the ends of earlier runs, newest first; one that would cover another is left out. */
  earlierNames(runs, s) {
    const taken = [];
    for (const run of [...runs].reverse()) {
      const [step, accuracy] = run.evaluations.at(-1);
      const atEdge = s.x(step) > s.x(s.end) - 60;
      const x = s.x(step) + (atEdge ? -2 : 5), y = s.y(accuracy) + (atEdge ? -6 : 4);
      if (taken.some(([tx, ty]) => Math.abs(tx - x) < 44 && Math.abs(ty - y) < 13)) continue;
      taken.push([x, y]);
      const attributes = { x, y, class: "tl-earlier-label", "text-anchor": atEdge ? "end" : "start" };
      svg("text", attributes, this.svg, `run ${run.run}`);
    }
  }

  /** Labels stand in rows above the curves; one that finds no room is left to its line's tooltip. */
  labels(marks, width, end) {
    const { left, right } = CHART, found = [];
    const free = Array(CHART.rows).fill(left - 6);
    for (const [step, texts] of together(marks)) {
      const x = left + ((width - left - right) * step) / end, words = joined(texts);
      const room = 6.1 * words.length + 10, from = Math.max(4, Math.min(x, width - room - 2));
      const row = free.findIndex((until) => until <= from);
      if (row >= 0) free[row] = from + room;
      found.push({ step, x, from, row, words, whole: `step ${step}: ${texts.join("; ")}` });
    }
    return { found, rows: Math.max(0, ...found.map((label) => label.row + 1)) };
  }

  marks({ found }, s) {
    const group = svg("g", { class: "tl-marks" }, this.svg);
    for (const { step, x, from, row, words, whole } of found) {
      const mark = svg("g", { class: "tl-mark", "data-step": step }, group);
      svg("title", {}, mark, whole);
      const y = row < 0 ? s.upper : CHART.top + CHART.row * row;
      svg("line", { x1: x, x2: x, y1: y, y2: s.floor }, mark);
      if (row >= 0) svg("text", { x: from + 4, y: y + 10 }, mark, words);
    }
  }

  sayNow(curve, evaluations, earlier) {
    const test = evaluations.length ? percent(evaluations.at(-1)[1]) : "–";
    const recent = curve.steps.length ? mean(curve.train_accuracy.slice(-10)) : null;
    const loss = curve.loss.length ? mean(curve.loss.slice(-10)).toFixed(3) : "–";
    say(this.keys.test.value, test);
    say(this.keys.train.value, recent == null ? "–" : percent(recent, 0));
    say(this.keys.loss.value, loss);
    say(this.keys.earlier.value, earlier.length ? String(earlier.length) : "");
    this.keys.earlier.entry.hidden = earlier.length === 0;
    const label = curve.steps.length
      ? `Curves over ${last(curve.steps)} steps. Held-out accuracy ${test}, training loss ${loss}.`
      : "No step taken yet.";
    put(this.svg, "aria-label", label);
    put(this.svg, "data-steps", Math.max(0, last(curve.steps)));
    put(this.svg, "data-evaluations", evaluations.length);
  }
}

function line(parent, name, points) {
  if (points.length < 2) return;
  const text = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  svg("polyline", { class: name, points: text, fill: "none" }, parent);
}

const mean = (values) => values.reduce((sum, v) => sum + v, 0) / values.length;

/** Means over neighbouring steps: a batch of 32 is noisy, and a pixel has room for one point. */
function binned(curve, s) {
  const n = curve.steps.length, size = Math.max(1, Math.ceil(n / 90)), bins = [];
  for (let from = 0; from < n; from += size) {
    const to = Math.min(n, from + size);
    const loss = mean(curve.loss.slice(from, to));
    if (!Number.isFinite(loss)) continue;
    const accuracy = mean(curve.train_accuracy.slice(from, to));
    bins.push({ x: s.x(mean(curve.steps.slice(from, to))), loss, accuracy });
  }
  return bins;
}

/** Marks at one step share one line. */
function together(marks) {
  const byStep = new Map();
  for (const [step, text] of marks) byStep.set(step, [...(byStep.get(step) ?? []), text]);
  return byStep;
}

function joined(texts) {
  const words = texts.length > 2 ? `${texts[0]} +${texts.length - 1} more` : texts.join(", ");
  return words.length > 34 ? `${words.slice(0, 33)}…` : words;
}

/** The next number of the form 1, 2, 2.5 or 5 times a power of ten. */
function niceCeil(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return power * [1, 2, 2.5, 5, 10].find((step) => step * power >= value * 0.999999);
}
