"use strict";
// The other edition at the same place; what scrolls sideways by keyboard; on paper, solutions are open.
document.addEventListener("DOMContentLoaded", () => {
  const sections = [...document.querySelectorAll("article section[id], article [id^='claim-']")];
  const here = () => sections.filter((e) => e.getBoundingClientRect().top < 120).pop();
  for (const link of document.querySelectorAll("a.language-switch")) {
    link.addEventListener("click", () => {
      const place = scrollY > 120 && here();
      link.hash = location.hash.includes("=") ? location.hash : place ? place.id : "";
      if (location.search) link.search = location.search;
      try { localStorage.setItem("course-edition", link.hreflang); } catch { /* not kept */ }
    });
  }
  const reachable = () => {
    for (const e of document.querySelectorAll("pre, .scrolls, .table-wrapper")) {
      if (e.scrollWidth > e.clientWidth) e.tabIndex = 0; else e.removeAttribute("tabindex");
    }
  };
  reachable();
  addEventListener("resize", reachable);
  for (const form of document.querySelectorAll("form.question")) {  // predict, then reveal
    const answer = form.querySelector("details"), options = [...answer.querySelectorAll("li")];
    answer.hidden = true;
    form.querySelector(".reveal").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const chosen = options[form.querySelector("input:checked").value];
      for (const one of options) one.classList.toggle("chosen", one === chosen);
      const verdict = chosen.classList.contains("right") ? form.dataset.right : form.dataset.wrong;
      form.querySelector(".said").textContent = `${verdict}${chosen.querySelector(".why").textContent}`;
      answer.hidden = false;
      answer.open = true;
    });
  }
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".tag_solution details:not([open]), details.hint:not([open]), details.answer:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
});
