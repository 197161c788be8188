// Starts the deck, and makes each slide fit when it comes up. `--shrink` scales all sizes in deck.css.
(function () {
  "use strict";

  const LEAST = 0.6; // below that nobody could read it: the slide stays too full, and a test fails

  // Whether something reaches below the line above the foot, or beyond the right edge.
  function overflows(slide) {
    const limit = slide.clientHeight - parseFloat(getComputedStyle(slide).paddingBottom) + 6;
    const bottoms = Array.from(slide.children, (part) => part.offsetTop + part.offsetHeight);
    return Math.max(0, ...bottoms) > limit || slide.scrollWidth > slide.clientWidth + 1;
  }

  function fit(slide) {
    if (!slide || slide.dataset.fitted || slide.querySelector(":scope > section")) return;
    slide.dataset.fitted = "1";
    for (let scale = 1; scale >= LEAST && overflows(slide); scale -= 0.04) {
      slide.style.setProperty("--shrink", scale.toFixed(2));
    }
  }

  Reveal.on("ready", (event) => fit(event.currentSlide));
  Reveal.on("slidechanged", (event) => fit(event.currentSlide));
  Reveal.on("pdf-ready", () => document.querySelectorAll(".slides section").forEach(fit));

  window.courseDeck = { overflows };

  Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    center: false,
    hash: true,
    transition: "none",
    navigationMode: "linear", // one key goes through all slides, down a section too
    slideNumber: "c/t",
    controlsTutorial: false,
    pdfSeparateFragments: false,
    plugins: [RevealNotes],
  });
})();
