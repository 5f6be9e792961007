// Once the formulas are set: what is higher than a slide goes on on the next one; then the show begins.
"use strict";

const HEIGHT = 692;  // the slide number stands below

function pieces(section) {  // from top to bottom, what can stand on a slide of its own
  return [...section.children].flatMap(cell => {
    const found = [...cell.querySelectorAll(
      ".jp-RenderedMarkdown > *, .jp-InputArea-editor, .jp-OutputArea-child > .jp-OutputArea-output")];
    const inside = found.filter(e => !found.some(o => o !== e && e.contains(o)));  // Markdown put out
    return inside.length ? inside.filter(e => e.getClientRects().length) : [cell];
  });
}

function copyWith(section, kept) {  // the section with these pieces only
  const copy = section.cloneNode(true);
  const all = pieces(section), twins = [];
  const find = (one, other) => {
    if (kept.includes(one)) twins.push(other);
    else if (all.includes(one)) other.dataset.gone = "yes";
    else [...one.children].forEach((child, i) => find(child, other.children[i]));
  };
  find(section, copy);
  copy.querySelectorAll("[data-gone]").forEach(e => e.remove());
  copy.querySelectorAll(".jp-Cell").forEach(cell => {
    if (cell.closest("aside.notes")) return;  // whichever part of the slide is shown, they belong to it
    if (!twins.some(e => cell.contains(e)) && !cell.querySelector("h1, h2, h3")) cell.remove();
  });
  return copy;
}

function heading(section) {
  const found = section.querySelector("h1, h2, h3");
  return found ? found.textContent.replace("¶", "").trim() : section.dataset.heading || "";
}

function withHeading(section, words) {
  if (section.querySelector("h1, h2, h3") || !words) return;
  const again = document.createElement("h2");
  again.className = "again";
  again.textContent = words;
  section.prepend(again);
}

function rows(piece) {  // lines of code or output, entries of a list, rows of a table
  const pre = piece.matches("pre") ? piece : piece.querySelector("pre");
  if (pre) return { box: pre, parts: pre.innerHTML.replace(/\n$/, "").split("\n"), join: "\n" };
  const box = piece.matches("ul, ol") ? piece : piece.querySelector("tbody");
  return box && { box, parts: [...box.children].map(e => e.outerHTML), join: "" };
}

function shorten(section, piece) {  // cut a single piece in two; returns the section with the rest
  const found = rows(piece);
  if (!found || found.parts.length < 2) return null;
  const rest = section.cloneNode(true), all = pieces(section);
  section.after(rest);
  const twin = pieces(rest)[all.indexOf(piece)];
  let count = found.parts.length;
  while (count > 1 && section.offsetHeight > HEIGHT) {
    count -= 1;
    found.box.innerHTML = found.parts.slice(0, count).join(found.join);
  }
  const left = rows(twin);
  left.box.innerHTML = left.parts.slice(count).join(left.join);
  if (left.box.matches("ol")) left.box.start = (left.box.start || 1) + count;
  return rest;
}

function fit(section, words) {
  withHeading(section, words);
  if (section.offsetHeight <= HEIGHT) return;
  const all = pieces(section).filter(e => !e.matches("h1, h2, h3, .again"));
  const top = section.getBoundingClientRect().top;
  let last = all.findIndex(e => e.getBoundingClientRect().bottom - top > HEIGHT);
  if (last > 0 || (last === 0 && all.length > 1)) {
    const at = Math.max(last, 1);
    const rest = copyWith(section, all.slice(at));
    rest.querySelectorAll("h1, h2, h3, .again").forEach(e => e.remove());
    section.after(rest);
    const first = copyWith(section, [...pieces(section).filter(e => !all.includes(e)), ...all.slice(0, at)]);
    section.replaceWith(first);
    fit(first, words);
    fit(rest, words);
  } else if (all.length) {
    const rest = shorten(section, all[0]);
    if (!rest) return;
    rest.querySelectorAll("h1, h2, h3, .again").forEach(e => e.remove());
    fit(rest, words);
  }
}

function showSteps(section) {  // what begins a slide is there at once, what is left of an empty step is none
  const first = pieces(section).find(e => !e.matches("h1, h2, h3, .again"));
  section.querySelectorAll(".fragment").forEach(step => {
    if (!step.textContent.trim() && !step.querySelector("img")) step.remove();
    else if (!first || step.contains(first)) step.classList.remove("fragment");
  });
}

function begin() {
  let words = "";
  for (const section of document.querySelectorAll(".slides section")) {
    if (section.querySelector("section")) continue;
    words = heading(section) || words;
    fit(section, words);
  }
  document.querySelectorAll(".slides section").forEach(section => {
    if (!section.querySelector("section")) showSteps(section);
  });
  document.body.classList.remove("measuring");
  Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, controls: false, hash: true, transition: "none",
    slideNumber: "c/t", plugins: [RevealNotes],
  }).then(() => { document.body.dataset.ready = "yes"; });
}

window.addEventListener("load", async () => {
  await Promise.all([...document.images].map(image => image.decode().catch(() => null)));
  await document.fonts.ready;
  window.MathJax ? MathJax.Hub.Queue(begin) : begin();
});
