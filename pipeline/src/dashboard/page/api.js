// The service, asked from this page: everything goes to where the page came from.

const TOKEN = 'reelbench.token';

/** What the service says no with (RFC 9457). */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document?.detail || document?.title || `HTTP ${status}`);
    this.status = status;
    this.kind = document?.type ?? '';
    this.fields = document?.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The service does not answer. */
export class Away extends Error {}

let locked = () => {};
let skewMs = 0;

/** Called where the service wants a token that we have not. */
export function onLocked(call) {
  locked = call;
}

export const token = () => sessionStorage.getItem(TOKEN);

export function setToken(secret) {
  if (secret) sessionStorage.setItem(TOKEN, secret);
  else sessionStorage.removeItem(TOKEN);
}

/** The time on the service's clock, microseconds since 1970; its answers tell it to the second. */
export const nowUs = () => (Date.now() + skewMs) * 1000;

/** An address of the service, also where it stands below a path of another server. */
export const address = (path) => new URL(path, document.baseURI).href;

export const jobPath = (id, rest = '') => `api/v1/jobs/${encodeURIComponent(id)}${rest}`;

/** Asks, and gives the answer where it is a good one. */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token()) headers.set('Authorization', `Bearer ${token()}`);
  let answer;
  try {
    answer = await fetch(address(path), { cache: 'no-store', ...options, headers });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Away(error.message);
  }
  const date = Date.parse(answer.headers.get('date') ?? '');
  if (Number.isFinite(date)) {
    const ahead = date - Date.now();
    skewMs = Math.abs(ahead) > 2000 ? ahead : 0;
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  const problem = new Problem(answer.status, told, Number(answer.headers.get('retry-after')) || null);
  if (answer.status === 401) locked(problem);
  throw problem;
}

export const read = async (path, options) => (await ask(path, options)).json();

/** Sends a document, or nothing. */
export async function send(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { 'Content-Type': 'application/json' };
  }
  return (await ask(path, options)).json();
}

/** Whether jobs can be worked on; else why not. */
export async function readiness() {
  try {
    const answer = await fetch(address('readyz'), { cache: 'no-store' });
    return { ready: answer.ok, why: (await answer.text()).trim() };
  } catch (error) {
    throw new Away(error.message);
  }
}

/**
 * An address for `<video>`, `<img>` and links, which send no headers: the service's own, or with a token a
 * copy in memory, since a token in an address would stand in logs and histories. `done` forgets the copy.
 */
export async function source(path, signal) {
  if (!token()) return { url: address(path), done() {} };
  const url = URL.createObjectURL(await (await ask(path, { signal })).blob());
  return { url, done: () => URL.revokeObjectURL(url) };
}
