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
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = [...document.querySelectorAll(".tag_solution details:not([open]), details.hint:not([open])")];
    for (const fold of opened) fold.open = true;
  });
  addEventListener("afterprint", () => { for (const fold of opened) fold.open = false; });
});
