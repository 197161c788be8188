// The strip that tells of errors, the code drawer, and the export.

class Trouble {
  constructor(store) {
    this.store = store;
    this.text = html("p", { class: "tl-trouble-text" });
    this.more = html("button", { type: "button", class: "tl-link", "aria-expanded": "false",
      onclick: () => this.unfold(this.trace.hidden) }, "Show the traceback");
    this.close = html("button", { type: "button", class: "tl-link",
      onclick: () => { store.refusal = null; store.changed(); } }, "Dismiss");
    this.trace = html("pre", { class: "tl-trace", tabindex: "0" });
    this.element = html("div", { class: "tl-trouble", role: "alert" },
      icon("warning"), this.text, this.more, this.close, this.trace);
    this.unfold(false);
    this.element.hidden = true;
  }

  unfold(open) {
    this.trace.hidden = !open;
    put(this.more, "aria-expanded", open);
    say(this.more, open ? "Hide the traceback" : "Show the traceback");
  }

  draw({ state, refusal }) {
    const failed = state.status === "failed" || state.error;
    const trouble = refusal ?? (failed ? { text: state.error, traceback: state.traceback } : null);
    this.element.hidden = trouble == null;
    if (!trouble) return this.unfold(false);
    const advice = !refusal && failed ? " Reset starts a new run." : "";
    say(this.text, `${trouble.text ?? "Training stopped."}${advice}`);
    this.more.hidden = !trouble.traceback;
    this.close.hidden = !refusal;
    say(this.trace, trouble.traceback ?? "");
    if (!trouble.traceback) this.trace.hidden = true;
  }
}

class Drawer {
  constructor(store) {
    this.store = store;
    this.open = html("button", { type: "button", class: "tl-button tl-code-button",
      "aria-expanded": "false", onclick: () => this.unfold(this.body.hidden) },
    icon("code"), html("span", {}, "Show the code"));
    this.export = html("button", { type: "button", class: "tl-button tl-export",
      title: "one row a step, as a CSV file", onclick: () => this.save() },
    icon("save"), html("span", {}, "Export CSV"));
    this.said = html("span", { class: "tl-note", role: "status" });
    this.copy = html("button", { type: "button", class: "tl-button tl-copy",
      onclick: () => this.toClipboard() }, icon("copy"), html("span", {}, "Copy"));
    this.code = html("pre", { class: "tl-code", tabindex: "0", "aria-label": "PyTorch code" });
    this.body = html("div", { class: "tl-drawer" }, html("div", { class: "tl-drawer-bar" },
      html("span", { class: "tl-caption" }, "PyTorch that does what this run has done so far"),
      this.copy), this.code);
    this.body.hidden = true;
    this.element = html("section", { class: "tl-drawers", "aria-label": "Code and export" },
      html("div", { class: "tl-toolbar" }, this.open, this.export, this.said), this.body);
  }

  unfold(open) {
    this.body.hidden = !open;
    put(this.open, "aria-expanded", open);
    say(this.open.querySelector("span"), open ? "Hide the code" : "Show the code");
    if (open) this.fetch();
  }

  async fetch() {
    if (this.fetching) return;
    this.fetching = true;
    const answer = await this.store.command("code");
    this.fetching = false;
    if (answer.ok) say(this.code, answer.result);
  }

  draw({ state }) {
    // the code changes with every action; between two actions only its step counts do
    const key = `${state.run}/${state.marks.length}/${state.running}`;
    if (!this.body.hidden && this.key !== undefined && key !== this.key) this.fetch();
    this.key = key;
  }

  async toClipboard() {
    const text = this.code.textContent;
    try {
      await navigator.clipboard.writeText(text);
      this.tell("Copied.");
    } catch {
      // no permission, or not a secure page: select it, and the reader presses Ctrl-C
      const range = document.createRange();
      range.selectNodeContents(this.code);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      this.tell("Selected: press Ctrl+C.");
    }
  }

  async save() {
    const answer = await this.store.command("csv");
    if (!answer.ok) return;
    const link = html("a", { download: `live-lab-run-${this.store.state.run}.csv`,
      href: URL.createObjectURL(new Blob([answer.result], { type: "text/csv" })) });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    this.tell("Exported.");
  }

  tell(text) {
    say(this.said, text);
    setTimeout(() => say(this.said, ""), 4000);
  }
}
