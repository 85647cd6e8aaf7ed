// Pictures of an MJPEG stream, read piece by piece. An <img> would show the stream as well, but it cannot tell a picture
// that stands still because the stream broke from one that stands still because nothing moves.

const HEAD = 1024; // bytes in which the head of a part ends

/** Read pictures until the stream ends or the signal aborts it; show(blob) is awaited, and what came meanwhile is skipped. */
export async function readPictures(address, signal, show) {
  const answer = await fetch(address, { signal, cache: "no-store" });
  if (!answer.ok) throw new Error(`${address}: ${answer.status}`);
  const reader = answer.body.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    held = joined(held, value);
    let newest = null;
    for (let part = firstPart(held); part; part = firstPart(held)) {
      newest = part.picture;
      held = held.subarray(part.end);
    }
    if (newest) await show(new Blob([newest], { type: "image/jpeg" }));
  }
}

function joined(one, other) {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}

/** The first whole part: its picture and where it ends; null when more has to come. */
function firstPart(bytes) {
  const text = new TextDecoder("latin1").decode(bytes.subarray(0, HEAD));
  const blank = text.indexOf("\r\n\r\n");
  const length = /content-length: *(\d+)/i.exec(text.slice(0, Math.max(0, blank)));
  if (!length) return null;
  const begin = blank + 4;
  const end = begin + Number(length[1]);
  return bytes.length < end ? null : { picture: bytes.subarray(begin, end), end };
}
