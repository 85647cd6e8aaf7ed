// Keys of the microscope's bench: space bar or Enter (a foot switch, a remote shutter) presses the main button of a screen.

const BUSY = "a, button, input, select, textarea, summary, label, [contenteditable]";
const TYPED = "input, select, textarea";

/**
 * Call press on space or Enter, unless the key belongs to a control or a dialog; returns the function that ends it.
 * A control that a finger or the mouse has pressed gives the focus back, so that the next key presses the main button
 * again; whoever goes by keyboard keeps it.
 */
export function mainKey(press) {
  const listen = (event) => {
    if ((event.key !== " " && event.key !== "Enter") || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.closest?.(BUSY) || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (!event.repeat) press();
  };
  const release = (event) => {
    if (event.detail > 0 && !event.target.closest?.(TYPED)) document.activeElement?.blur();
  };
  document.addEventListener("keydown", listen);
  document.addEventListener("click", release);
  return () => {
    document.removeEventListener("keydown", listen);
    document.removeEventListener("click", release);
  };
}
