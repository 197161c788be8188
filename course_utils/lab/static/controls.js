// What the reader can do: run, step, start anew, and set the dials; and what a step costs.

const LIVE = [
  ["optimizer", "optimizer", "select", "set_optimizer", "takes effect with the next step"],
  ["head_rate", "rate, head", "number", "set_rates", "learning rate of the new head"],
  ["backbone_rate", "rate, backbone", "number", "set_rates", "learning rate of all other blocks"],
  ["batch_norm", "frozen batch norm", "select", "set_batch_norm",
    "eval: a frozen block stands still entirely; train: its statistics follow the batches"],
];
const NEXT = [
  ["seed", "seed", "number", "the head's first weights and the order of the images"],
  ["start", "weights", "select", "where a run begins"],
  ["network", "network", "select", "which architecture"],
  ["world", "images", "text", "shapes, cifar10, a folder of class folders, or auto: what COURSE_DATA says"],
];

class Controls {
  constructor(store) {
    this.store = store;
    this.playIcon = icon("start");
    this.playText = html("span", {}, "Start");
    this.play = html("button", { type: "button", class: "tl-button tl-primary tl-play",
      onclick: () => this.startOrPause() }, this.playIcon, this.playText);
    this.stepButton = button("step", "One step", "tl-step", () => store.command("step"));
    this.resetButton = button("reset", "Reset", "tl-reset", () => this.reset());
    this.status = html("span", { class: "tl-status-text" });
    this.pill = html("span", { class: "tl-pill" }, html("i", { class: "tl-lamp" }), this.status);
    this.toolbar = html("div", { class: "tl-toolbar", role: "group", "aria-label": "Training" },
      this.play, this.stepButton, this.resetButton, this.pill);
    this.facts = new Facts();
    this.fields = new Map();
    const live = LIVE.map(([name, label, kind, , hint]) => this.field(name, label, kind, hint));
    const next = NEXT.map(([name, label, kind, hint]) => this.field(name, label, kind, hint));
    this.note = html("span", { class: "tl-note" });
    this.dials = html("section", { class: "tl-dials", "aria-label": "Settings" },
      html("fieldset", {}, html("legend", {}, "While it trains"), ...live),
      html("fieldset", {}, html("legend", {}, "Next run ", this.note), ...next));
    this.element = html("section", { class: "tl-controls", "aria-label": "Controls" },
      this.toolbar, this.facts.element);
  }

  field(name, label, kind, hint) {
    const common = { class: "tl-field", name, title: hint, onchange: () => this.edited(name) };
    const input = kind === "select"
      ? html("select", common)
      // not type=number for rates: browsers step and format 0.001 in their own ways
      : html("input", { ...common, type: "text", spellcheck: "false", autocomplete: "off",
        inputmode: kind === "number" ? "decimal" : "text" });
    input.addEventListener("blur", () => this.draw(this.store));
    if (kind !== "select") {
      input.addEventListener("keydown", (event) => {
        if (event.key === "Escape") { this.fields.get(name).dirty = false; this.draw(this.store); }
        if (event.key === "Enter" && this.isNext(name)) { this.edited(name); this.reset(); }
      });
    }
    this.fields.set(name, { input, kind, dirty: false });
    return html("label", { class: "tl-dial", title: hint }, html("span", {}, label), input);
  }

  isNext(name) {
    return NEXT.some(([other]) => other === name);
  }

  async edited(name) {
    const field = this.fields.get(name);
    field.dirty = String(this.value(name)) !== String(this.store.state.settings[name]);
    if (!field.dirty || this.isNext(name)) return this.draw(this.store);
    const command = LIVE.find(([other]) => other === name)[3];
    const value = this.value(name);
    const args = {
      set_optimizer: { name: value },
      set_batch_norm: { mode: value },
      set_rates: { [name === "head_rate" ? "head" : "backbone"]: value },
    }[command];
    await this.store.command(command, args);
    this.settle(name, value);
    this.draw(this.store);
  }

  /** Taken, or refused: either way a field shows what holds now, unless it is written in again. */
  settle(name, value) {
    const field = this.fields.get(name);
    if (this.value(name) !== value) return;
    field.dirty = false;
    field.input.value = String(this.store.state.settings[name]);
  }

  /** A field's value; a number where it is one, else the text, for the kernel to refuse aloud. */
  value(name) {
    const { input, kind } = this.fields.get(name);
    const text = input.value.trim();
    return kind === "number" && text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  }

  async reset() {
    const changes = {};
    for (const [name] of NEXT) if (this.fields.get(name).dirty) changes[name] = this.value(name);
    await this.store.command("reset", changes);
    for (const [name, value] of Object.entries(changes)) this.settle(name, value);
    this.draw(this.store);
  }

  startOrPause() {
    const start = !this.store.running;
    this.store.command(start ? "start" : "pause", {}, { running: start });
  }

  draw(store) {
    const { state, running, waits } = store;
    const closed = Boolean(state.closed), failed = state.status === "failed";
    setIcon(this.playIcon, running ? "pause" : "start");
    say(this.playText, running ? "Pause" : "Start");
    put(this.play, "data-pending", waits.includes("start") || waits.includes("pause"));
    this.play.disabled = closed || (failed && !running);
    this.stepButton.disabled = closed || running || failed;
    this.resetButton.disabled = closed;
    put(this.resetButton, "data-pending", waits.includes("reset"));
    const word = closed ? "closed" : failed ? "stopped by an error"
      : waits.includes("reset") ? "preparing a new run" : state.busy ? state.busy
        : running ? "training" : state.step > 0 ? "paused" : "ready";
    say(this.status, word);
    put(this.pill, "data-status", failed ? "failed" : running ? "running" : "idle");
    for (const [name, field] of this.fields) this.drawField(name, field, state, closed);
    const dirty = NEXT.filter(([name]) => this.fields.get(name).dirty);
    say(this.note, dirty.length ? "changed: press Reset" : "used by Reset");
    put(this.note, "data-dirty", dirty.length > 0);
    this.facts.draw(state);
  }

  drawField(name, field, state, closed) {
    const choices = state.choices?.[name];
    if (field.kind === "select" && choices && field.choices !== choices.join()) {
      field.choices = choices.join();
      field.input.replaceChildren(...choices.map((c) => html("option", { value: c }, c)));
    }
    field.input.disabled = closed;
    put(field.input, "data-dirty", field.dirty);
    const value = String(state.settings[name] ?? "");
    // never write into a field that the reader is writing in
    const writing = field.input.getRootNode().activeElement === field.input;
    if (!field.dirty && !(writing && field.kind !== "select") && field.input.value !== value) {
      field.input.value = value;
    }
  }
}

function button(picture, text, name, onclick) {
  const attributes = { type: "button", class: `tl-button ${name}`, onclick };
  return html("button", attributes, icon(picture), html("span", {}, text));
}

/** What the present plan costs: a row of plain numbers. */
class Facts {
  constructor() {
    this.values = {};
    // no <dl>: notebooks lay out definition lists in ways of their own
    this.element = html("div", { class: "tl-facts", role: "group", "aria-label": "What a step costs" });
    const titles = {
      trainable: "trainable", pace: "a step", cache: "cache", memory: "memory",
    };
    for (const [name, title] of Object.entries(titles)) {
      const main = html("b", {}), more = html("span", { class: "tl-more" });
      this.values[name] = { main, more };
      const caption = html("span", { class: "tl-caption" }, title);
      this.element.append(html("div", { class: `tl-fact tl-${name}` }, caption, main, more));
    }
  }

  draw(state) {
    const { trainable, pace, cache, memory } = this.values;
    say(trainable.main, state.trainable == null ? "–" : whole(state.trainable));
    say(trainable.more, state.total
      ? `of ${short(state.total)}, ${percent(state.trainable / state.total)}` : "");
    put(trainable.more, "title", state.trained == null ? ""
      : `${whole(state.trained)} parameters have learned at some time in this run`);
    say(pace.main, duration(state.seconds_per_step));
    say(pace.more, state.images_per_second ? `${whole(state.images_per_second)} images/s` : "");
    say(cache.main, state.cache?.active ? `${state.cache.blocks} blocks` : "off");
    say(cache.more, state.cache?.text ?? "");
    put(cache.more, "title", state.cache?.text ?? "");
    say(memory.main, state.memory_mb ? `${whole(state.memory_mb)} MB` : "–");
    say(memory.more, "this kernel");
  }
}
