// Starts the deck, and makes each slide fit when it comes up. `--shrink` scales all sizes in deck.css.
(function () {
  "use strict";

  const LEAST = 0.63; // below that nobody could read it: the slide stays too full, and a test fails
  const GOOD = 0.85; // what would be smaller than this is tried with pictures beside the code
  const TALL = 1.1; // height for each pixel of width, from which a picture scrolls
  const LARGEST = 1.5; // a picture is never magnified by more: it would blur

  // Whether something reaches below the line above the foot, or beyond the right edge.
  function overflows(slide) {
    const limit = slide.clientHeight - parseFloat(getComputedStyle(slide).paddingBottom) + 6;
    const bottoms = Array.from(slide.children, (part) => part.offsetTop + part.offsetHeight);
    return Math.max(0, ...bottoms) > limit || slide.scrollWidth > slide.clientWidth + 1;
  }

  function shrink(slide) {
    for (let scale = 1; scale >= LEAST; scale -= 0.04) {
      slide.style.setProperty("--shrink", scale.toFixed(2));
      if (!overflows(slide)) return scale;
    }
    return 0;
  }

  function fit(slide) {
    if (!slide || slide.dataset.fitted || slide.querySelector(":scope > section")) return;
    slide.dataset.fitted = "1";
    const below = shrink(slide);
    slide.classList.toggle("scrolls", !below); // what a cell prints, where it is too much for one slide
    if (below >= GOOD || !slide.querySelector(".highlight") || !slide.querySelector("img")) return;
    slide.classList.add("beside");
    if (shrink(slide) > below) return;
    slide.classList.remove("beside");
    shrink(slide);
  }

  function start() {
    for (const image of document.querySelectorAll(".slides img")) {
      const tall = image.naturalHeight > TALL * image.naturalWidth;
      image.parentElement.classList.toggle("tall", tall);
      image.style.setProperty("--widest", `${(tall ? 1 : LARGEST) * image.naturalWidth}px`);
    }
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
  }

  Reveal.on("ready", (event) => fit(event.currentSlide));
  Reveal.on("slidechanged", (event) => fit(event.currentSlide));
  Reveal.on("pdf-ready", () => document.querySelectorAll(".slides section").forEach(fit));
  window.addEventListener("load", start); // not before: then the sizes of all pictures are known
})();
