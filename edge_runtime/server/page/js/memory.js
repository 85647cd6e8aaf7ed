// What the browser remembers. Storage may be forbidden or full; the page works without it.

function guarded(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Keep a preference on this browser: language, site, stain. Never anything about a participant. */
export function keep(name, value) {
  guarded(() => localStorage.setItem(`thinsmear.${name}`, JSON.stringify(value)));
}

/** A preference that was kept, null when there is none. */
export function kept(name) {
  return guarded(() => JSON.parse(localStorage.getItem(`thinsmear.${name}`)));
}

/** Keep something until this tab is closed: the reviewer's code. */
export function keepHere(name, value) {
  guarded(() => sessionStorage.setItem(`thinsmear.${name}`, JSON.stringify(value)));
}

/** What was kept for this tab, null when there is nothing. */
export function keptHere(name) {
  return guarded(() => JSON.parse(sessionStorage.getItem(`thinsmear.${name}`)));
}

/** Forget what this tab keeps. */
export function forgetHere() {
  guarded(() => sessionStorage.clear());
}
