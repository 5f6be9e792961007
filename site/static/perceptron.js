"use strict";
// Rosenblatt's rule on AND, OR and XOR: a line to move by hand, or by the rule, one mistake at a time.
const CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]];
const GATES = { AND: [-1, -1, -1, 1], OR: [-1, 1, 1, 1], XOR: [-1, 1, 1, -1] };
const score = ([w1, w2, b], [x1, x2]) => w1 * x1 + w2 * x2 + b;
const place = i => `(${CORNERS[i].join(", ")})`;
const isWrong = (gate, line, i) => GATES[gate][i] * score(line, CORNERS[i]) <= 0;

// The next mistake, looking at the points in turn from `at` on: [the line after it, which point], or
// null if none of the four is wrong.
function nextUpdate(gate, line, at) {
  for (let k = 0; k < 4; k += 1) {
    const i = (at + k) % 4, t = GATES[gate][i];
    if (isWrong(gate, line, i)) {
      return [[line[0] + t * CORNERS[i][0], line[1] + t * CORNERS[i][1], line[2] + t], i];
    }
  }
  return null;
}

function perceptron(box) {
  const words = JSON.parse(box.dataset.words), canvas = box.querySelector("canvas");
  const sliders = [...box.querySelectorAll("input[type=range]")], status = box.querySelector("[role=status]");
  let line = sliders.map(s => Number(s.value));  // the rule may leave the sliders' range
  let updates = 0, at = 0, said = "";
  const gate = () => box.querySelector("input[type=radio]:checked").value;

  function draw() {
    const g = canvas.getContext("2d"), size = canvas.width, [w1, w2, b] = line;
    const px = x => ((x + 0.6) / 2.2) * size, py = y => size - px(y);
    g.fillStyle = "#fff";
    g.fillRect(0, 0, size, size);
    for (let i = 0; i < size; i += 6) {  // the side that answers 1
      for (let j = 0; j < size; j += 6) {
        const x = ((i + 3) / size) * 2.2 - 0.6, y = ((size - j - 3) / size) * 2.2 - 0.6;
        g.fillStyle = score([w1, w2, b], [x, y]) > 0 ? "#cfe3f1" : "#fbe8cd";
        g.fillRect(i, j, 6, 6);
      }
    }
    g.strokeStyle = "#333";
    g.lineWidth = 1;
    for (const v of [0, 1]) {
      g.strokeRect(px(v), -1, 0, size + 2);
      g.strokeRect(-1, py(v), size + 2, 0);
    }
    CORNERS.forEach(([x, y], i) => {
      const one = GATES[gate()][i] === 1;
      g.fillStyle = one ? "#0173b2" : "#de8f05";
      g.strokeStyle = "#000";
      g.lineWidth = 1.5;
      g.beginPath();
      if (one) g.rect(px(x) - 8, py(y) - 8, 16, 16); else g.arc(px(x), py(y), 9, 0, 7);
      g.fill();
      g.stroke();
      if (isWrong(gate(), line, i)) {
        g.lineWidth = 2.5;
        g.beginPath();
        g.arc(px(x), py(y), 20, 0, 7);
        g.stroke();
      }
    });
  }

  function show() {
    const wrong = [0, 1, 2, 3].filter(i => isWrong(gate(), line, i)).map(i => place(i));
    sliders.forEach((s, i) => {
      s.value = line[i];
      s.parentElement.querySelector("output").value = line[i];
    });
    const now = wrong.length ? words.wrong.replace("{points}", wrong.join(" ")) : words.right;
    const [w1, w2, b] = line;
    const where = words.line.replace("{w1}", w1).replace("{w2}", w2).replace("{b}", b);
    status.textContent = `${said} ${where} ${now}`.trim().replaceAll("-", "−");
    canvas.setAttribute("aria-label", `${gate()}. ${where} ${now}`);
    draw();
  }
  function restart(text) {
    [updates, at, said] = [0, 0, text];
    show();
  }

  box.addEventListener("input", event => {
    const moved = sliders.indexOf(event.target);
    if (moved >= 0) line[moved] = Number(event.target.value);
    restart("");
  });
  box.querySelector("[data-do=step]").addEventListener("click", () => {
    const found = nextUpdate(gate(), line, at);
    if (found === null) {
      said = words.stops.replace("{count}", updates);
    } else {
      const i = found[1];
      line = found[0];
      [updates, at] = [updates + 1, (i + 1) % 4];
      said = words.update.replace("{count}", updates).replace("{point}", place(i));
    }
    show();
  });
  box.querySelector("[data-do=zero]").addEventListener("click", () => {
    line = [0, 0, 0];
    restart("");
  });
  show();
}

document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".perceptron").forEach(perceptron));
