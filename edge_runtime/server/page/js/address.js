// The address's fragment, which people and other programs write as well: what is no valid escape stands for itself.

/** A part of the fragment with its escapes undone. */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
