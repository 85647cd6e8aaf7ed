// Talking to the server: one function for every request, patient with a busy server, frank about one that is gone.

const LOST_POLL = 3000; // ms between looks for a server that is gone
const PATIENCE = 120_000; // ms that a busy server is waited for
const PASSING = ["busy", "too-many-requests", "stopping"]; // kinds of problems that waiting cures
const TIME_LIMIT = { GET: 20_000, other: 120_000 }; // ms

/** Events: "lost", "back", "busy" (detail: seconds), "free", "signed-out". */
export const connection = new EventTarget();
let gone = false;

/** Whether the server did not answer the last time it was asked. */
export const isGone = () => gone;

/** What the server said no with, or why there was no answer (kinds "unreachable" and "strange-answer"). */
export class Problem extends Error {
  constructor(kind, status = 0, detail = "", retryAfter = null) {
    super(detail || kind);
    Object.assign(this, { kind, status, detail, retryAfter });
  }
}

/** Ask for JSON. */
export const get = (path) => ask("GET", path);

/** Ask for a picture: a Blob. */
export const getPicture = (path) => ask("GET", path, undefined, {}, (answer) => answer.blob());

/** Send JSON, or nothing. */
export const send = (method, path, values) =>
  ask(method, path, values === undefined ? undefined : JSON.stringify(values), { "Content-Type": "application/json" });

/** Send image files. */
export function sendFiles(path, files) {
  const form = new FormData();
  for (const file of files) form.append("files", file, "image"); // a file's own name may hold a person's
  return ask("POST", path, form);
}

async function ask(method, path, body, headers = {}, read = (answer) => answer.json()) {
  const until = Date.now() + PATIENCE;
  for (;;) {
    const answer = await attempt(method, path, body, headers);
    if (answer.ok) {
      announce("free");
      return answer.status === 204 ? null : await readBody(answer, read);
    }
    const problem = await readProblem(answer);
    if (problem.kind === "token-needed") announce("signed-out");
    const wait = problem.retryAfter;
    if (!PASSING.includes(problem.kind) || wait === null || Date.now() + wait * 1000 > until) {
      announce("free");
      throw problem;
    }
    announce("busy", wait);
    await new Promise((done) => setTimeout(done, wait * 1000));
  }
}

async function attempt(method, path, body, headers) {
  const unsafe = method === "GET" ? {} : { "X-Thinsmear": "page" };
  const limit = TIME_LIMIT[method] ?? TIME_LIMIT.other;
  try {
    const answer = await fetch(path, {
      method,
      body,
      headers: { Accept: "application/json", ...(body === undefined || body instanceof FormData ? {} : headers), ...unsafe },
      credentials: "same-origin",
      cache: "no-store",
      signal: AbortSignal.timeout(limit),
    });
    if (gone) found();
    return answer;
  } catch {
    lose();
    throw new Problem("unreachable");
  }
}

async function readBody(answer, read) {
  try {
    return await read(answer);
  } catch {
    throw new Problem("strange-answer", answer.status);
  }
}

async function readProblem(answer) {
  const said = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  const retryAfter = Number.isFinite(said) ? Math.max(1, said) : null;
  let document = {};
  try {
    document = await answer.json();
  } catch {
    // a proxy's or a crash's page; the status says enough
  }
  return new Problem(document.kind ?? "strange-answer", answer.status, document.detail ?? document.title ?? "", retryAfter);
}

function announce(name, detail) {
  connection.dispatchEvent(new CustomEvent(name, { detail }));
}

function lose() {
  if (gone) return;
  gone = true;
  announce("lost");
  setTimeout(look, LOST_POLL);
}

async function look() {
  try {
    await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(LOST_POLL) });
    found();
  } catch {
    setTimeout(look, LOST_POLL);
  }
}

/** Look for a lost server at once. */
export const lookNow = () => (gone ? look() : undefined);

function found() {
  if (!gone) return;
  gone = false;
  announce("back");
}
