// Pictures that may come late. An <img> cannot tell a picture that is not there from one that a busy server refused for a
// moment, so what did not come is asked for again, patiently, before anything is said of it.

import { getPicture } from "./api.js";
import { h } from "./dom.js";

let turn = Promise.resolve(); // second tries follow one another: as many at once would be refused again

/**
 * An <img> of an address of this server. ended("seen") is called when it shows; ended("none") when there is no such
 * picture or it cannot be read; ended("lost") when the server did not give it.
 */
export function picture(address, settings, ended = () => {}) {
  const image = h("img", { ...settings, src: address });
  let copy = null; // of what came at the second try
  const settle = (how) => {
    if (copy) URL.revokeObjectURL(copy);
    ended(how);
  };
  const again = async () => {
    if (!image.isConnected) return; // another screen by now
    try {
      copy = URL.createObjectURL(await getPicture(address));
      image.src = copy;
    } catch (problem) {
      settle(problem.status === 404 ? "none" : "lost");
    }
  };
  image.addEventListener("load", () => settle("seen"), { once: true });
  image.addEventListener("error", () => {
    if (copy) settle("none");
    else turn = turn.then(again);
  });
  return image;
}
