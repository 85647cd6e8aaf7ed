// What the browser remembers. Storage may be forbidden or full; the page works without it.

function guarded(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Keep something on this browser: a language, a page of cells not yet answered. Never anything about a participant. */
export function keep(name, value) {
  guarded(() => localStorage.setItem(`thinsmear.${name}`, JSON.stringify(value)));
}

/** What was kept on this browser, null when there is none. */
export function kept(name) {
  return guarded(() => JSON.parse(localStorage.getItem(`thinsmear.${name}`)));
}

/** Forget something that was kept on this browser. */
export function forget(name) {
  guarded(() => localStorage.removeItem(`thinsmear.${name}`));
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
