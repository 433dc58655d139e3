// What the page knows, and who is told when it changes. Knows nothing of how it is shown.

export const state = {
  /** The document of /metrics.json. */
  metrics: null,
  /** Looks at the resources, the oldest first. */
  history: [],
  /** The page of jobs that is shown. */
  jobs: null,
  next: null,
  /** `before` of this page and of those before it. */
  trail: [null],
  filter: '',
  /** Who we are to the service: `{ name, role }`. */
  caller: null,
  /** `starting`, `ready`, `loading`, `away`, `locked`. */
  reach: 'starting',
  /** What /readyz says where it is not. */
  why: '',
};

const watchers = [];

/** Calls `watcher` after every change, and now. */
export function watch(watcher) {
  watchers.push(watcher);
  watcher(state);
}

export function changed() {
  for (const watcher of watchers) watcher(state);
}

const RANKS = { read: 0, submit: 1, admin: 2 };

/** Whether we may do what `role` may. */
export const may = (role) => (RANKS[state.caller?.role] ?? -1) >= RANKS[role];

const KEPT_MS = 5 * 60 * 1000;

/** Keeps a look at the resources for five minutes. */
export function remember(metrics, at = Date.now()) {
  state.history.push({ at, resources: metrics.resources, running: metrics.totals.running });
  const first = state.history.findIndex((look) => look.at > at - KEPT_MS);
  state.history.splice(0, Math.max(0, first));
}

/** Values of `read(look, earlier)` over the kept looks; null where it says nothing. */
export function series(read) {
  return state.history.map((look, place) => ({ at: look.at, value: read(look, state.history[place - 1]) ?? null }));
}
