// What one panel knows.  It belongs to the model, not to a view: two views of one panel agree, and
// a view that is drawn anew (a cell scrolled out and in, a page loaded again) starts complete.

const STORES = new WeakMap();

function storeOf(model) {
  if (!STORES.has(model)) STORES.set(model, new Store(model));
  return STORES.get(model);
}

class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.state = { blocks: [], settings: {}, earlier: [], wall: [], marks: [], presets: [] };
    this.curve = { steps: [], loss: [], train_accuracy: [] };
    this.evaluations = [];
    this.waiting = new Map(); // command number -> what it promises: {blocks, running, resolve}
    this.refusal = null; // what the kernel said to a command that it did not take
    this.number = 0;
    this.merge(model.get("picture"));
    model.on("change:picture", () => this.merge(model.get("picture")));
    model.on("change:photos", () => this.changed());
    model.on("msg:custom", (message) => this.receive(message));
    // the picture may be seconds old where another view of this page has been drawn before
    model.send({ kind: "hello" });
  }

  receive(message) {
    if (message.kind === "answer") {
      const promise = this.waiting.get(message.id);
      this.waiting.delete(message.id);
      if (message.ok) {
        if (this.refusal && message.name !== "code") this.refusal = null;
      } else {
        this.refusal = { text: message.error, traceback: message.traceback };
      }
      promise?.resolve(message);
    }
    if (message.part) this.merge(message.part);
    else this.changed();
    if (message.ticked) this.asked = 0;
    this.tick();
  }

  /** Take in a whole picture, or the parts of it that changed. */
  merge(part) {
    if (!part || part.run == null) return;
    const anew = part.run !== this.state.run;
    if (anew || part.whole) {
      const behind = !anew && part.curve && last(part.curve.steps) < last(this.curve.steps);
      if (behind) return; // an old picture that arrives after newer parts
      this.curve = { steps: [], loss: [], train_accuracy: [] };
      this.evaluations = [];
    }
    const { curve, evaluations, whole, ...rest } = part;
    Object.assign(this.state, rest);
    if (curve) this.append(curve);
    const seen = this.evaluations.length ? this.evaluations.at(-1)[0] : -1;
    for (const pair of evaluations ?? []) if (pair[0] > seen) this.evaluations.push(pair);
    this.changed();
  }

  append(curve) {
    const seen = last(this.curve.steps);
    if (curve.from > Math.max(seen, 0)) {
      this.model.send({ kind: "hello" }); // something got lost on the way: ask for the whole
      return;
    }
    for (let i = 0; i < curve.steps.length; i++) {
      if (curve.steps[i] <= seen) continue;
      this.curve.steps.push(curve.steps[i]);
      this.curve.loss.push(curve.loss[i]);
      this.curve.train_accuracy.push(curve.train_accuracy[i]);
    }
    if (this.curve.steps.length > 6000) this.halve();
  }

  /** Join pairs of old points, so that an hour of training stays light to draw. */
  halve() {
    const { steps, loss, train_accuracy } = this.curve, keep = 1000;
    const until = 2 * Math.floor((steps.length - keep) / 2);
    const mean = (a) => [...Array(until / 2).keys()].map((i) => (a[2 * i] + a[2 * i + 1]) / 2);
    const join = (a, old) => [...old, ...a.slice(until)];
    this.curve = {
      steps: join(steps, steps.slice(0, until).filter((_, i) => i % 2)),
      loss: join(loss, mean(loss)),
      train_accuracy: join(train_accuracy, mean(train_accuracy)),
    };
  }

  /** Send a command.  What it promises shows at once, and is confirmed by the kernel's answer. */
  command(name, args = {}, promise = {}) {
    const id = ++this.number;
    this.model.send({ kind: "command", id, name, args });
    const answered = new Promise((resolve) => this.waiting.set(id, { ...promise, name, resolve }));
    this.changed();
    return answered;
  }

  /** Whether a block is frozen, as the reader last wished. */
  frozen(block) {
    let frozen = block.frozen;
    for (const { blocks } of this.waiting.values()) frozen = blocks?.[block.name] ?? frozen;
    return frozen;
  }

  pending(block) {
    if (block.pending) return true;
    return [...this.waiting.values()].some(({ blocks }) => blocks && block.name in blocks);
  }

  get running() {
    let running = Boolean(this.state.running);
    for (const promise of this.waiting.values()) running = promise.running ?? running;
    return running;
  }

  get waits() {
    return [...this.waiting.values()].map((promise) => promise.name);
  }

  /** Where updates from the background are not drawn (Colab), the page asks for each slice. */
  tick() {
    if (this.state.driver !== "foreground" || !this.state.running || this.views.size === 0) return;
    const now = Date.now();
    if (now - (this.asked ?? 0) < 10_000) return; // asked already; an answer may also get lost
    this.asked = now;
    // not requestAnimationFrame: that stands still in a tab out of sight
    setTimeout(() => this.model.send({ kind: "tick" }), 0);
  }

  changed() {
    for (const view of this.views) view.ask();
  }

  join(view) {
    this.views.add(view);
    view.ask();
    this.tick();
  }

  leave(view) {
    this.views.delete(view);
    // the output was cleared or its cell run again: nobody looks, so training need not go on
    if (this.views.size === 0) this.model.send({ kind: "closed" });
  }
}

function last(steps) {
  return steps && steps.length ? steps[steps.length - 1] : -1;
}
