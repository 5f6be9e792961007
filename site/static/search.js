"use strict";
// Finds pages by the words of a query, in the texts of search-index.js. A page's rank is that of its
// best parts: how often a word stands there, how rare it is, and whether a heading or a name has it.
const GLOSSARY = 1, REFERENCE = 2;  // as tools/website/search_index.py counts them
const HAN = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]/;
const HAN_RUNS = /[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+|[^\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\s]+/g;

const plain = (text) => text.normalize("NFKC").toLowerCase();

const parts = (window.courseIndex || []).flatMap(([page, kind, pageTitle, sections]) =>
  sections.map(([anchor, title, text], number) => ({
    page, kind, pageTitle, anchor, title, text, number,
    head: plain(title), body: plain(text), isTitle: number === 0,
  })));

// A word of English loses its ending; code names, numbers and Chinese stay as they are.
function stem(word) {
  if (!/^[a-z-]{5,}$/.test(word)) return word;
  return word.replace(/(?:ies|ing|ers?|ed|es|e|s|y)$/, "");
}

function count(text, term) {
  let number = 0;
  const atWord = /^[\w]/.test(term);
  for (let at = text.indexOf(term); at >= 0; at = text.indexOf(term, at + term.length)) {
    if (!atWord || at === 0 || !/[a-z0-9]/.test(text[at - 1])) number++;
  }
  return number;
}

// The words of a query; Chinese that stands nowhere as a whole is taken by pairs of characters.
function terms(query) {
  const found = [];
  for (const word of plain(query).match(HAN_RUNS) || []) {
    const term = HAN.test(word) ? word : stem(word.replace(/^[^\w]+|[^\w]+$/g, ""));
    if (!term) continue;
    const isThere = parts.some((part) => part.head.includes(term) || part.body.includes(term));
    if (isThere || !HAN.test(term) || term.length < 3) found.push(term);
    else for (let i = 0; i + 1 < term.length; i++) found.push(term.slice(i, i + 2));
  }
  const known = found.filter((term) => parts.some((p) => p.head.includes(term) || p.body.includes(term)));
  return known.length >= found.length / 2 ? [...new Set(known)] : [];
}

function isCodeName(query) {
  return /^[\w.]+$/.test(query) && /[_.\d]|[a-z][A-Z]|^[A-Z]{2}/.test(query);
}

function search(query) {
  const wanted = terms(query);
  const whole = plain(query).trim().replace(/\s+/g, " ");
  const forCode = isCodeName(query.trim());
  const uses = wanted.map((term) => parts.map((part) => [count(part.head, term), count(part.body, term)]));
  const rarity = uses.map((all) => {
    const holding = all.filter(([head, body]) => head + body > 0).length;
    return Math.log(1 + (parts.length - holding + 0.5) / (holding + 0.5));
  });
  const pages = new Map();
  parts.forEach((part, i) => {
    let score = 0, inHead = 0;
    const matched = wanted.map((_, t) => t).filter((t) => uses[t][i][0] + uses[t][i][1]);
    if (!matched.length) return;
    const found = pages.get(part.page) ||
      { page: part.page, kind: part.kind, title: part.pageTitle, length: 0, tally: wanted.map(() => 0), hits: [] };
    for (const t of matched) {
      const [head, body] = uses[t][i];
      const length = 0.6 + 0.4 * Math.min(part.body.length / 800, 4);
      score += rarity[t] * 2.2 * body / (body + 1.2 * length);
      if (head) inHead += rarity[t] * (part.isTitle ? 6 : 2) * Math.min(1, 0.3 + wanted[t].length / part.head.length);
      found.tally[t] += body + 2 * head;
    }
    score += inHead;
    if (wanted.length > 1 && part.head.includes(whole)) score *= 2;
    else if (wanted.length > 1 && part.body.includes(whole)) score *= 1.7;
    const named = part.kind === REFERENCE && part.head.split(".").slice(-1)[0] === whole;
    if (named) score *= forCode ? 3 : 1.2;
    found.hits.push({ part, score: score * (matched.length / wanted.length) ** 2 });
    pages.set(part.page, found);
  });
  const all = [...pages.values()];
  for (const found of all) {
    found.hits.sort((a, b) => b.score - a.score);
    found.matched = found.tally.filter((uses) => uses).length;
    const best = found.hits.slice(0, 3).reduce((sum, hit, rank) => sum + hit.score / (rank + 1), 0);
    const often = found.tally.reduce((sum, uses, t) => sum + rarity[t] * 4 * uses / (uses + 8), 0);
    const weight = found.kind === REFERENCE ? (forCode ? 1.3 : 0.4) : found.kind === GLOSSARY ? 0.6 : 1;
    found.score = (best + often) * weight * (found.matched / wanted.length) ** 2;
  }
  const most = Math.max(...all.map((found) => found.matched));
  return all.filter((found) => found.matched === most || found.matched > wanted.length / 2)
    .sort((a, b) => b.score - a.score).map((found) => ({ ...found, terms: wanted }));
}

function excerpt(part, wanted) {
  const at = Math.max(0, ...wanted.map((term) => part.body.indexOf(term)));
  const start = Math.max(0, at - 50);
  const text = part.text.slice(start, start + 170);
  const box = document.createElement("p");
  let rest = (start ? "… " : "") + text + (start + 170 < part.text.length ? " …" : "");
  while (rest) {
    const lower = plain(rest).length === rest.length ? plain(rest) : rest.toLowerCase();
    const next = wanted.map((term) => [lower.indexOf(term), term.length]).filter(([i]) => i >= 0).sort((a, b) => a[0] - b[0])[0];
    if (!next) break;
    box.append(rest.slice(0, next[0]));
    const mark = document.createElement("mark");
    mark.textContent = rest.slice(next[0], next[0] + next[1]);
    box.append(mark);
    rest = rest.slice(next[0] + next[1]);
  }
  box.append(rest);
  return box;
}

function show(query) {
  const form = document.getElementById("search");
  const list = document.getElementById("search-results");
  const status = document.getElementById("search-count");
  list.replaceChildren();
  if (!query.trim()) { status.textContent = ""; return; }
  const found = search(query);
  status.textContent = (found.length ? form.dataset.found : form.dataset.nothing)
    .replace("{query}", query).replace("{count}", found.length).replace("{s}", found.length === 1 ? "" : "s");
  for (const { page, title, hits, terms: wanted } of found.slice(0, 30)) {
    const item = document.createElement("li");
    const link = (part, text) => {
      const a = document.createElement("a");
      a.href = page + ".html" + (part.isTitle ? "" : "#" + part.anchor);
      a.textContent = text;
      return a;
    };
    const best = hits[0].part;
    item.append(link({ isTitle: true }, title));
    if (!best.isTitle) { const line = document.createElement("p"); line.className = "search-section"; line.append(link(best, best.title)); item.append(line); }
    if (best.text) item.append(excerpt(best, wanted));
    if (best.kind === REFERENCE && document.documentElement.lang !== "en") item.lang = "en";
    list.append(item);
  }
}

const form = document.getElementById("search");
const given = new URLSearchParams(location.search).get("q") || "";
form.q.value = given;
show(given);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  history.replaceState(null, "", "?q=" + encodeURIComponent(form.q.value));
  show(form.q.value);
});
form.q.addEventListener("input", () => show(form.q.value));
