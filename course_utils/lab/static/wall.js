// Some held-out images and what the network answers now.  Each wears a tick or a cross.

class Wall {
  constructor() {
    this.score = html("span", { class: "tl-caption" });
    this.grid = html("ul", { class: "tl-wall" });
    this.element = html("section", { class: "tl-wall-host", "aria-label": "Held-out images" },
      html("h4", {}, "Held-out images ", this.score), this.grid);
    this.cells = [];
  }

  draw({ state, model }) {
    const photos = model.get("photos") ?? [];
    // before the first look there are images, and no answers yet
    const wall = state.wall.length ? state.wall : photos.map(() => ({ truth: "", answer: "" }));
    this.element.hidden = photos.length === 0 || photos.length !== wall.length;
    if (this.element.hidden) return;
    if (this.cells.length !== wall.length) {
      this.cells = wall.map(() => this.cell());
      this.grid.replaceChildren(...this.cells.map((cell) => cell.element));
    }
    wall.forEach((answer, i) => this.drawCell(this.cells[i], answer, photos[i]));
    const right = wall.filter((a) => a.right).length, asked = wall.some((a) => a.answer);
    say(this.score, asked ? `${right} of these ${wall.length} right` : "not looked at yet");
  }

  cell() {
    const picture = html("img", { class: "tl-photo" }), mark = icon("wrong");
    const badge = html("span", { class: "tl-badge" }, mark);
    const answer = html("span", { class: "tl-answer" }), truth = html("span", { class: "tl-truth" });
    const element = html("li", {}, html("span", { class: "tl-frame" }, picture, badge), answer, truth);
    return { element, picture, mark, badge, answer, truth };
  }

  drawCell(cell, { truth, answer, right, flipped }, photo) {
    put(cell.picture, "src", photo);
    const asked = Boolean(answer);
    put(cell.picture, "alt", asked
      ? `${truth}, answered ${right ? "right" : `wrong: ${answer}`}` : "a held-out image");
    if (asked) setIcon(cell.mark, right ? "right" : "wrong");
    cell.badge.hidden = !asked;
    if (asked && cell.was !== undefined && cell.was !== right) {
      // start the animation anew
      cell.element.classList.remove("tl-flip");
      void cell.element.offsetWidth;
      cell.element.classList.add("tl-flip");
    }
    cell.was = asked ? right : undefined;
    put(cell.element, "data-right", asked ? right : "none");
    put(cell.element, "data-flipped", Boolean(flipped));
    say(cell.answer, answer);
    say(cell.truth, asked && !right ? `is ${truth}` : "");
    put(cell.element, "title", asked ? `truth: ${truth}; answer: ${answer}` : "");
  }
}
