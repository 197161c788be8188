// The network as a column of blocks: a button that freezes each, what it is, how far it has moved.

class Blocks {
  constructor(store) {
    this.store = store;
    this.rows = new Map();
    this.presets = html("div", { class: "tl-presets", role: "group", "aria-label": "Presets" });
    this.list = html("div", {
      class: "tl-rows", role: "group", "aria-label": "Blocks, from the input to the head",
      onkeydown: (event) => this.move(event),
    });
    const heading = (name, text, title) => html("span", { class: name, title }, text);
    this.element = html("section", { class: "tl-blocks", "aria-label": "Blocks of the network" },
      this.presets,
      html("div", { class: "tl-row tl-head", "aria-hidden": "true" },
        heading("tl-name", "block"),
        heading("tl-kind", "kind"),
        heading("tl-count", "params", "parameters"),
        heading("tl-norm", "BN", "batch norm: train (statistics follow the batches) or eval"),
        heading("tl-moved", "weights moved", "distance of the weights from the start, as a share of their size"),
        heading("tl-stats", "stats moved", "distance from the start of batch norm's running means and variances")),
      this.list);
  }

  draw({ state }) {
    const names = state.blocks.map((block) => block.name);
    if (names.join() !== [...this.rows.keys()].join()) this.rebuild(names);
    for (const block of state.blocks) this.drawRow(this.rows.get(block.name), block);
    const presets = state.presets.map((preset) => preset.name ?? preset);
    if (presets.join() !== this.presetNames) this.buildPresets(presets);
  }

  rebuild(names) {
    this.rows = new Map(names.map((name, i) => [name, this.row(name, i)]));
    this.list.replaceChildren(...[...this.rows.values()].map((row) => row.element));
  }

  row(name, index) {
    const picture = icon("learns"), word = html("span", { class: "tl-state" });
    const button = html("button", {
      type: "button", class: "tl-toggle", "data-block": name, "aria-label": `Freeze ${name}`,
      tabindex: index === 0 ? 0 : -1,
      onclick: () => this.toggle(name),
      onfocus: () => this.rove(name),
    }, picture, html("span", { class: "tl-block-name" }, name), word);
    const kind = html("span", { class: "tl-kind" }), count = html("span", { class: "tl-count" });
    const norm = html("span", { class: "tl-norm" });
    const weights = meter("tl-moved"), statistics = meter("tl-stats");
    const element = html("div", { class: "tl-row" },
      html("span", { class: "tl-name" }, button), kind, count, norm,
      weights.element, statistics.element);
    return { element, button, picture, word, kind, count, norm, weights, statistics };
  }

  drawRow(row, block) {
    const frozen = this.store.frozen(block), pending = this.store.pending(block);
    put(row.button, "aria-pressed", frozen);
    put(row.button, "data-pending", pending);
    setIcon(row.picture, frozen ? "frozen" : "learns");
    say(row.word, frozen ? "frozen" : "learns");
    say(row.kind, block.kind);
    put(row.kind, "title", block.kind);
    say(row.count, short(block.parameters));
    put(row.count, "title", `${whole(block.parameters)} parameters`);
    say(row.norm, block.batch_norm === "-" ? "–" : block.batch_norm);
    put(row.norm, "data-mode", block.batch_norm);
    fill(row.weights, block.weights_moved, "weights moved");
    const none = block.batch_norm === "-";
    fill(row.statistics, none ? null : block.statistics_moved, "batch-norm statistics moved");
  }

  toggle(name) {
    const block = this.store.state.blocks.find((b) => b.name === name);
    const freeze = !this.store.frozen(block);
    this.store.command(freeze ? "freeze" : "thaw", { name }, { blocks: { [name]: freeze } });
  }

  /** One Tab stop for the whole column; the arrow keys go from block to block. */
  rove(name) {
    for (const [other, row] of this.rows) put(row.button, "tabindex", other === name ? 0 : -1);
  }

  move(event) {
    const rows = [...this.rows.values()];
    const at = rows.findIndex((row) => row.button === event.target);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
    if (at < 0 || to == null) return;
    event.preventDefault();
    rows[Math.min(rows.length - 1, Math.max(0, to))].button.focus();
  }

  buildPresets(names) {
    this.presetNames = names.join();
    const count = html("input", {
      type: "number", min: 0, max: this.store.state.blocks.length, value: 5, class: "tl-field tl-n",
      "aria-label": "How many blocks to freeze, counted from the input",
    });
    const choose = (name) => this.store.command(
      "preset", name === "first N" ? { name, n: Number(count.value) } : { name });
    count.addEventListener("keydown", (e) => { if (e.key === "Enter") choose("first N"); });
    const hints = {
      "head only": "freeze all but the head",
      "last block": "thaw the last block and the head",
      "last five": "thaw the last five blocks",
      "first N": "freeze the first N blocks",
      all: "thaw every block",
    };
    this.presets.replaceChildren(
      html("span", { class: "tl-caption" }, "Train"),
      ...names.filter((name) => name !== "first N").map((name) => html("button", {
        type: "button", class: "tl-chip", title: hints[name], onclick: () => choose(name),
      }, name)),
      ...(names.includes("first N") ? [html("span", { class: "tl-first" },
        html("button", { type: "button", class: "tl-chip", title: hints["first N"],
          onclick: () => choose("first N") }, "freeze first"), count)] : []),
    );
  }
}

function meter(name) {
  const bar = html("i", { class: "tl-bar" }), text = html("span", { class: "tl-number" });
  const element = html("span", { class: `${name} tl-meter` },
    html("span", { class: "tl-track" }, bar), text);
  return { element, bar, text };
}

function fill(meter, value, what) {
  say(meter.text, moved(value));
  put(meter.element, "data-zero", value === 0);
  put(meter.element, "title", value == null ? "no batch norm in this block"
    : value === 0 ? `${what}: exactly zero, not one bit differs from the start`
      : `${what}: ${percent(value, 3)} of their size (the bar is logarithmic)`);
  meter.bar.style.width = `${100 * barLength(value)}%`;
}
