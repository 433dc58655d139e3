// Begins, asks the service once a second for as long as somebody looks, and tells the views.

import { Away, onLocked, read, readiness, setToken, token } from './api.js';
import { find, write } from './dom.js';
import * as header from './header.js';
import * as jobs from './jobs.js';
import * as limits from './limits.js';
import * as queue from './queue.js';
import * as resources from './resources.js';
import * as sheet from './job.js';
import * as stages from './stages.js';
import { changed, remember, state } from './state.js';
import * as submit from './submit.js';
import { askForToken } from './token.js';
import { other, setLanguage, t, translate } from './words.js';

const PERIOD_MS = 1000;
const AWAY_MS = 3000;
const READY_MS = 10_000;

const views = [header, queue, resources, jobs, limits, stages, submit, sheet];
let timer = null;
let readyAt = 0;

async function look() {
  if (state.reach !== 'ready' || Date.now() - readyAt > READY_MS) {
    const { ready, why } = await readiness();
    Object.assign(state, { reach: ready ? 'ready' : 'loading', why });
    readyAt = Date.now();
  }
  if (!state.caller) {
    state.caller = await read('api/v1/caller');
    sheet.rights();
  }
  const metrics = await read('metrics.json');
  state.metrics = metrics;
  remember(metrics);
  await jobs.refresh();
}

async function tick() {
  clearTimeout(timer);
  let pause = PERIOD_MS;
  try {
    await look();
  } catch (error) {
    if (error instanceof Away) {
      state.reach = 'away';
      pause = AWAY_MS;
    } else if (error.status === 401) {
      state.reach = 'locked';
      changed();
      return; // the token sheet goes on
    } else {
      Object.assign(state, { reach: 'loading', why: error.message });
      pause = Math.max(AWAY_MS, (error.retryAfter ?? 0) * 1000);
    }
  }
  changed();
  if (document.visibilityState === 'visible') timer = setTimeout(tick, pause);
}

function useLanguage(code) {
  setLanguage(code);
  translate();
  nameLanguage();
  for (const view of views) view.translated?.();
  changed();
}

function nameLanguage() {
  const { code, name } = other();
  write(find('language'), name);
  find('language').lang = code;
}

function signOut() {
  setToken(null);
  Object.assign(state, { caller: null, metrics: null, jobs: null });
  location.reload();
}

translate();
nameLanguage();
for (const view of views) view.mount();
find('language').addEventListener('click', () => useLanguage(other().code));
find('sign-out').addEventListener('click', signOut);
find('sign-out').hidden = !token();
onLocked((problem) => askForToken(problem, () => {
  find('sign-out').hidden = false;
  state.caller = null;
  tick();
}));
jobs.onWanted(tick);
submit.onSent(tick);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'visible') tick();
});
document.title = `Reelbench · ${t('jobs.title')}`;
tick();
