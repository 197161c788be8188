// The panel: its parts, put together, drawn at most once a frame.

class Panel {
  constructor(store, host) {
    this.store = store;
    this.title = html("h3", {});
    this.subtitle = html("p", { class: "tl-subtitle" });
    this.progress = html("p", { class: "tl-progress" });
    this.live = html("p", { class: "tl-hidden", role: "status", "aria-live": "polite" });
    this.blocks = new Blocks(store);
    this.chart = new Chart();
    this.controls = new Controls(store);
    this.wall = new Wall();
    this.trouble = new Trouble(store);
    this.drawer = new Drawer(store);
    this.root = html("div", {
      class: "tl-lab", role: "region", "aria-label": "Live lab",
      // or the notebook takes keys meant for the panel: arrow keys, and two D's delete a cell
      [OURS]: "true",
      onkeydown: (event) => event.stopPropagation(),
    },
    html("header", { class: "tl-top" }, html("div", {}, this.title, this.subtitle), this.progress),
    this.trouble.element,
    html("div", { class: "tl-main" }, this.blocks.element,
      html("div", { class: "tl-side" }, this.chart.element, this.controls.element),
      this.controls.dials),
    this.wall.element, this.drawer.element, this.live);
    host.append(this.root);
    this.watch = new ResizeObserver(() => this.ask());
    this.watch.observe(this.chart.host);
    this.dark = matchMedia("(prefers-color-scheme: dark)");
    this.follow = () => this.theme();
    this.dark.addEventListener("change", this.follow);
    this.page = new MutationObserver(this.follow);
    const attributes = ["class", "data-jp-theme-light", "data-jp-theme-name", "theme"];
    for (const node of [document.documentElement, document.body]) {
      this.page.observe(node, { attributes: true, attributeFilter: attributes });
    }
    this.theme();
  }

  /** Light or dark is read off the page's own text colour: every notebook has another switch. */
  theme() {
    requestAnimationFrame(() => {
      const own = getComputedStyle(this.root.parentElement ?? document.body);
      const named = own.getPropertyValue("--jp-ui-font-color0").trim();
      const [r, g, b] = rgb(named) ?? rgb(own.color) ?? [0, 0, 0];
      put(this.root, "data-theme", 0.3 * r + 0.59 * g + 0.11 * b > 128 ? "dark" : "light");
    });
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }

  draw() {
    const { store } = this, { state } = store, titles = state.titles ?? {};
    say(this.title, ["Live lab", state.settings.network].filter(Boolean).join(" · "));
    const weights = titles.weights?.replace(/ \([^)]*\.\w+\)$/, ""); // without the file's name
    say(this.subtitle, [titles.world, weights, titles.device].filter(Boolean).join(" · "));
    say(this.progress, `run ${state.run ?? 1} · step ${whole(state.step ?? 0)}`);
    for (const part of [this.blocks, this.chart, this.controls, this.wall, this.trouble,
      this.drawer]) part.draw(store);
    this.announce();
    put(this.root, "data-step", state.step ?? 0);
    put(this.root, "data-run", state.run ?? 0);
    put(this.root, "data-running", Boolean(state.running));
    put(this.root, "data-waiting", store.waiting.size);
  }

  /** In words, for screen readers: what the reader did, and the accuracy now and then. */
  announce() {
    const { state, evaluations } = this.store, mark = state.marks.at(-1);
    const now = Date.now(), words = [];
    const key = mark ? `${state.run}/${state.marks.length}` : "";
    if (mark && key !== this.spokenMark) words.push(`Step ${mark[0]}: ${mark[1]}.`);
    this.spokenMark = key;
    if (state.running !== this.spokenRunning) {
      if (this.spokenRunning !== undefined) words.push(state.running ? "Training." : "Paused.");
      this.spokenRunning = state.running;
    }
    if (evaluations.length && (words.length || now - (this.spokenAt ?? 0) > 10_000)) {
      const [step, accuracy] = evaluations.at(-1);
      words.push(`Held-out accuracy ${percent(accuracy, 0)} at step ${step}.`);
    }
    if (!words.length) return;
    this.spokenAt = now;
    say(this.live, words.join(" "));
  }

  close() {
    this.watch.disconnect();
    this.page.disconnect();
    this.dark.removeEventListener("change", this.follow);
    this.root.remove();
  }
}

/** The numbers of a colour such as "rgba(0, 0, 0, 0.87)", "#fff" or "white"; null if unreadable. */
function rgb(text) {
  if (!text) return null;
  const pen = document.createElement("canvas").getContext("2d");
  pen.fillStyle = "#123456";
  pen.fillStyle = text;
  const found = pen.fillStyle.startsWith("#")
    ? pen.fillStyle.match(/\w\w/g).map((pair) => parseInt(pair, 16))
    : pen.fillStyle.match(/[\d.]+/g)?.map(Number);
  return found && pen.fillStyle !== "#123456" ? found.slice(0, 3) : null;
}

function render({ model, el }) {
  const store = storeOf(model), panel = new Panel(store, el);
  store.join(panel);
  return () => {
    store.leave(panel);
    panel.close();
  };
}

export default { initialize: ({ model }) => void storeOf(model), render };
