// The queue by lane, and its switches for those who may use them.

import { send } from './api.js';
import { announce, el, fill, find, forget, keyed, mark, write } from './dom.js';
import { count, ms } from './format.js';
import { changed, may, state, watch } from './state.js';
import { told } from './problem.js';
import { named, t } from './words.js';

const ORDER = ['video', 'light', 'heavy', 'comic'];

function lane(name) {
  const places = el('span', { class: 'places', 'aria-hidden': 'true' });
  const running = el('span', { class: 'num' });
  const waiting = el('span', { class: 'num' });
  const wait = el('p', { class: 'quiet small num' });
  const node = el('div', { class: 'lane', data: { lane: name } },
    el('h3', {}, named('lane', name)), places,
    el('p', { class: 'lane-line' }, running, waiting), wait);
  const update = () => {
    const { classes, places: limits, wait: waits } = state.metrics.queue;
    const { queued, running: n } = classes[name];
    const limit = limits[name] ?? 0;
    const shown = Math.min(limit, 24);
    if (places.childElementCount !== shown) fill(places, Array.from({ length: shown }, () => el('i')));
    [...places.children].forEach((place, index) => mark(place, 'class', index < n ? 'taken' : null));
    write(running, t('queue.running', { n: count(n), places: count(limit) }));
    write(waiting, t('queue.waiting', { n: count(queued) }));
    mark(waiting, 'class', queued > 0 ? 'num some' : 'num');
    const times = waits[name];
    write(wait, times?.count ? t('queue.wait', { p50: ms(times.p50_ms), max: ms(times.max_ms) }) : '');
  };
  return { node, update };
}

async function act(path, button) {
  button.disabled = true;
  try {
    const queue = await send('POST', path);
    state.metrics.queue.held = queue.held;
    announce(t(queue.held ? 'health.held' : 'health.ready'));
  } catch (error) {
    announce(told(error));
  }
  button.disabled = false;
  changed();
}

let shown = '';

function actions() {
  const { held } = state.metrics.queue;
  const wanted = may('admin') ? `${held}` : 'none';
  if (wanted === shown) return;
  shown = wanted;
  if (!may('admin')) return fill(find('queue-actions'), []);
  const [key, path] = held ? ['queue.resume', 'api/v1/queue/resume'] : ['queue.hold', 'api/v1/queue/hold'];
  const change = el('button', { type: 'button', id: 'hold', onclick: () => act(path, change) }, t(key));
  const purge = el('button', { type: 'button', class: 'plain', id: 'purge', onclick: () => {
    if (confirm(t('queue.purge.sure'))) act('api/v1/queue/purge', purge);
  } }, t('queue.purge'));
  const had = document.activeElement?.id === 'hold';
  fill(find('queue-actions'), [purge, change]);
  if (had) change.focus();
}

function render() {
  if (!state.metrics) return;
  const names = Object.keys(state.metrics.queue.classes);
  names.sort((one, next) => ORDER.indexOf(one) - ORDER.indexOf(next));
  keyed(find('lanes'), names, (name) => name, lane);
  const { retries } = state.metrics.queue;
  write(find('retries'), retries > 0 ? t('queue.retries', { n: count(retries) }) : '');
  actions();
}

export function mount() {
  watch(render);
}

export function translated() {
  forget(find('lanes'));
  shown = '';
}
