// The page's pictograms: strokes on a 24 x 24 grid, in the colour of the text beside them.

import { s } from "./dom.js";

const PATHS = {
  asexual: "M12 3a9 9 0 1 0 0 18a9 9 0 1 0 0-18M14 8a3.5 3.5 0 1 0 2.5 6M15 8.4v.1",
  camera: "M4 7h3l2-3h6l2 3h3v13H4zM12 9.5a4 4 0 1 0 0 8a4 4 0 1 0 0-8",
  cross: "M6 6l12 12M18 6L6 18",
  gametocyte: "M4 15c2-9 14-10 16-5c-4-1-8 0-9 5c-1 4-6 4-7 0",
  left: "M15 5l-7 7l7 7",
  out: "M14 4H5v16h9M10 12h10M16 8l4 4l-4 4",
  right: "M9 5l7 7l-7 7",
  tick: "M5 13l5 5L19 7",
  undo: "M9 6L4 11l5 5M4 11h10a6 6 0 0 1 0 12h-3",
  unsure: "M8.5 8.5a3.5 3.5 0 1 1 5 3.2c-1 .5-1.5 1.2-1.5 2.3M12 18v.1",
  upload: "M12 16V4M7 9l5-5l5 5M4 15v5h16v-5",
  warning: "M12 3L2 20h20zM12 10v5M12 17.6v.1",
};

/** A pictogram; the text beside it says what it means, so screen readers skip it. */
export function icon(name) {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: PATHS[name] }),
  );
}

/** The mark of the page: a cell with a parasite. */
export function mark() {
  return s(
    "svg",
    { class: "mark", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("circle", { cx: 12, cy: 12, r: 9, class: "mark-cell" }),
    s("circle", { cx: 14.6, cy: 9.6, r: 3, class: "mark-parasite" }),
  );
}
