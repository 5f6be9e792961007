"use strict";
// Gradient descent, momentum and Adam on a bowl that turns. The start and the noise turn with it.
const METHODS = ["gd", "momentum", "adam"], COLORS = ["#0173b2", "#b85c00", "#007a5a"];
const DEFAULTS = { seed: 0, tilt: 0, kappa: 10, noise: 0, steps: 60, beta: 0.9, gd: 0.08, momentum: 0.02, adam: 0.5 };
const LEVELS = [2, 10, 30, 80, 160, 260], FAR = 1e6;

function mulberry32(seed) {  // Tommy Ettinger's generator: numbers in [0, 1)
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function normals(random) {  // Box and Muller: two at a time
  const r = Math.sqrt(-2 * Math.log(1 - random())), angle = 2 * Math.PI * random();
  return [r * Math.cos(angle), r * Math.sin(angle)];
}

const turn = ([u, v], angle) => [u * Math.cos(angle) - v * Math.sin(angle), u * Math.sin(angle) + v * Math.cos(angle)];
const height = ([x, y], s) => {
  const [u, v] = turn([x, y], -s.tilt * Math.PI / 180);
  return u * u + s.kappa * v * v;
};

const RULES = {
  gd: (g, state, lr) => lr * g,
  momentum: (g, state, lr, beta) => {
    state.velocity = beta * (state.velocity || 0) + g;
    return lr * state.velocity;
  },
  adam: (g, state, lr, beta) => {
    state.t = (state.t || 0) + 1;
    state.m = beta * (state.m || 0) + (1 - beta) * g;
    state.v = 0.999 * (state.v || 0) + (1 - 0.999) * g * g;
    const mean = state.m / (1 - beta ** state.t), square = state.v / (1 - 0.999 ** state.t);
    return lr * mean / (Math.sqrt(square) + 1e-8);
  },
};

// The points that a method visits: x² + κy², turned by the tilt; seed 0 starts at (5, 5), as the lesson does.
function descend(method, s) {
  const angle = s.tilt * Math.PI / 180, random = mulberry32(s.seed), states = [{}, {}];
  const begin = s.seed === 0 ? [5, 5] : [random() * 10 - 5, random() * 10 - 5];
  let point = turn(begin, angle);
  const path = [point];
  for (let step = 0; step < s.steps; step += 1) {
    const [u, v] = turn(point, -angle), [n1, n2] = normals(random);
    const gradient = turn([2 * u + s.noise * n1, 2 * s.kappa * v + s.noise * n2], angle);
    point = point.map((p, i) => p - RULES[method](gradient[i], states[i], s[method], s.beta));
    path.push(point);
  }
  return path;
}

// Of 61 rates from 0.0001 to 100, evenly spaced in the logarithm, the one that ends lowest over the
// noise of five seeds.
function bestRate(method, s) {
  let best = [Infinity, s[method]];
  for (let k = -40; k <= 20; k += 1) {
    const lr = Number((10 ** (k / 10)).toPrecision(3));
    let total = 0;
    for (let other = 0; other < (s.noise > 0 ? 5 : 1); other += 1) {
      total += height(descend(method, { ...s, [method]: lr, seed: s.seed + other }).pop(), s);
    }
    if (total < best[0]) best = [total, lr];
  }
  return best[1];
}

function readSettings(text) {
  const given = new URLSearchParams(text.replace(/^#/, "")), s = { ...DEFAULTS };
  for (const name of Object.keys(s)) {
    const value = Number(given.get(name));
    if (given.has(name) && Number.isFinite(value)) s[name] = value;
  }
  const within = (name, low, high) => { s[name] = Math.min(high, Math.max(low, s[name])); };
  within("seed", 0, 999999);
  within("tilt", 0, 90);
  within("kappa", 1, 100);
  within("noise", 0, 20);
  within("steps", 1, 200);
  within("beta", 0, 0.99);
  METHODS.forEach(method => within(method, 0.0001, 100));
  for (const name of ["seed", "steps"]) s[name] = Math.round(s[name]);
  return s;
}

const writeSettings = s => `#${Object.keys(DEFAULTS).map(name => `${name}=${s[name]}`).join("&")}`;
const short = value => (value > FAR || Number.isNaN(value) ? "∞" : value.toPrecision(3));

function bowl(box) {
  const words = JSON.parse(box.dataset.words), canvas = box.querySelector("canvas");
  const inputs = [...box.querySelectorAll("input")], rows = [...box.querySelectorAll("tbody tr")];
  let s = readSettings(location.hash);
  // a rate's slider moves in the logarithm
  const isRate = input => METHODS.includes(input.name);
  const toInput = input => (isRate(input) ? Math.round(10 * Math.log10(s[input.name])) : s[input.name]);
  const fromInput = input => (isRate(input) ? Number((10 ** (input.value / 10)).toPrecision(3)) : Number(input.value));

  function draw(paths) {
    const g = canvas.getContext("2d"), size = canvas.width, at = v => ((v + 7.5) / 15) * size;
    g.fillStyle = "#fff";
    g.fillRect(0, 0, size, size);
    g.strokeStyle = "#888";
    g.lineWidth = 1;
    for (const level of LEVELS) {
      g.beginPath();
      for (let k = 0; k <= 90; k += 1) {
        const a = (k / 45) * Math.PI, r = Math.sqrt(level);
        const [x, y] = turn([r * Math.cos(a), r / Math.sqrt(s.kappa) * Math.sin(a)], s.tilt * Math.PI / 180);
        g.lineTo(at(x), size - at(y));
      }
      g.stroke();
    }
    paths.forEach((path, m) => {
      g.strokeStyle = g.fillStyle = COLORS[m];
      g.lineWidth = 2;
      g.setLineDash([[], [8, 4], [2, 3]][m]);
      g.beginPath();
      const near = path.filter(p => Math.abs(p[0]) < 100 && Math.abs(p[1]) < 100);
      near.forEach(([x, y]) => g.lineTo(at(x), size - at(y)));
      g.stroke();
      g.setLineDash([]);
      near.forEach(([x, y]) => {
        g.beginPath();
        if (m === 0) g.arc(at(x), size - at(y), 3.5, 0, 7);
        else if (m === 1) g.rect(at(x) - 3, size - at(y) - 3, 6, 6);
        else { g.moveTo(at(x), size - at(y) - 5); g.lineTo(at(x) + 4, size - at(y) + 3); g.lineTo(at(x) - 4, size - at(y) + 3); }
        g.fill();
      });
    });
    g.fillStyle = "#000";
    g.font = "20px sans-serif";
    g.textAlign = "center";
    g.textBaseline = "middle";
    g.fillText("★", at(0), size - at(0));
  }

  function show() {
    const paths = METHODS.map(method => descend(method, s));
    const said = METHODS.map((method, m) => {
      const heights = paths[m].map(p => height(p, s)), end = short(heights[s.steps]);
      const there = heights.findIndex(h => h < 0.01), cells = rows[m].querySelectorAll("td");
      cells[0].textContent = end;
      cells[1].textContent = there < 0 ? words.not_there : there;
      return `${words[method]} ${end}`;
    });
    for (const input of inputs) {
      input.value = toInput(input);
      input.setAttribute("aria-valuetext", s[input.name]);
      input.parentElement.querySelector("output").value = s[input.name];
    }
    canvas.setAttribute("aria-label", `${words.picture.replace("{tilt}", s.tilt).replace("{steps}", s.steps)} ${said.join(", ")}.`);
    draw(paths);
  }
  const changed = () => {
    history.replaceState(null, "", writeSettings(s));
    show();
  };

  box.addEventListener("input", event => {
    s = readSettings(writeSettings({ ...s, [event.target.name]: fromInput(event.target) }));
    changed();
  });
  box.querySelector("[data-do=tune]").addEventListener("click", () => {
    for (const method of METHODS) s[method] = bestRate(method, s);
    changed();
  });
  box.querySelector("[data-do=reset]").addEventListener("click", () => {
    s = { ...DEFAULTS };
    changed();
  });
  addEventListener("hashchange", () => {
    s = readSettings(location.hash);
    show();
  });
  show();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".bowl").forEach(bowl));
