"use strict";
// The sliders of a lesson: a strip of frames, one below the other, fetched when its slider is first moved.
document.addEventListener("DOMContentLoaded", () => {
  for (const box of document.querySelectorAll(".frames")) {
    const { strip, name } = box.dataset, values = JSON.parse(box.dataset.values);
    const still = box.querySelector("img"), alt = still.alt;
    const range = Object.assign(document.createElement("input"),
      { type: "range", min: 0, max: values.length - 1, value: box.dataset.start });
    const label = document.createElement("label"), output = document.createElement("output");
    const frame = document.createElement("div");
    frame.className = "frame";
    frame.setAttribute("role", "img");
    frame.style.aspectRatio = box.dataset.size;
    frame.style.maxWidth = `${parseInt(box.dataset.size, 10)}px`;
    const show = () => {
      output.value = values[range.value];
      range.setAttribute("aria-valuetext", `${name} = ${output.value}`);
      frame.setAttribute("aria-label", `${name} = ${output.value} (${values[box.dataset.start]}: ${alt})`);
      frame.style.backgroundPositionY = `${(100 * range.value) / (values.length - 1)}%`;
    };
    range.addEventListener("input", () => {
      if (still.isConnected) {
        frame.style.backgroundImage = `url("${new URL(strip, document.baseURI)}")`;
        still.replaceWith(frame);
      }
      show();
    });
    label.append(`${name} `, range, " ", output);
    box.append(label);
    show();
  }
});
