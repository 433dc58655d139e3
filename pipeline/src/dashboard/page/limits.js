// Limiters as gauges; caches with hits and misses apart.

import { el, find, forget, keyed, mark, write } from './dom.js';
import { count, ms, percent } from './format.js';
import { state, watch } from './state.js';
import { named, t } from './words.js';

function gauge([name]) {
  const bar = el('span', { class: 'bar-fill' });
  const meter = el('div', { class: 'bar', role: 'meter', 'aria-label': named('limiter', name), 'aria-valuemin': '0' }, bar);
  const use = el('span', { class: 'num' });
  const waiting = el('span', { class: 'num some' });
  const node = el('div', { class: 'gauge', data: { limiter: name } },
    el('p', { class: 'gauge-head' }, el('span', {}, named('limiter', name)), use), meter, el('p', { class: 'small' }, waiting));
  const update = ([, { limit, in_use: used = 0, waiting: n = 0 }]) => {
    bar.style.width = `${limit ? Math.min(100, (used / limit) * 100) : 0}%`;
    mark(bar, 'data-full', used >= limit ? 'yes' : null);
    mark(meter, 'aria-valuemax', limit);
    mark(meter, 'aria-valuenow', used);
    const text = t('limiters.use', { n: count(used), limit: count(limit) });
    mark(meter, 'aria-valuetext', text);
    write(use, text);
    write(waiting, n > 0 ? t('limiters.waiting', { n: count(n) }) : '');
  };
  return { node, update };
}

function cache([name]) {
  const rate = el('span', { class: 'num' });
  const hits = el('span', { class: 'split-hit' });
  const misses = el('span', { class: 'split-miss' });
  const bar = el('div', { class: 'split', 'aria-hidden': 'true' }, hits, misses);
  const lines = el('p', { class: 'small quiet num cache-line' });
  const node = el('div', { class: 'cache', data: { cache: name } },
    el('p', { class: 'gauge-head' }, el('span', {}, name), rate), bar, lines);
  const update = ([, results]) => {
    const hit = results.hit?.count ?? 0;
    const all = Object.values(results).reduce((sum, { count: n }) => sum + (n ?? 0), 0);
    const miss = all - hit;
    write(rate, all > 0 ? t('cache.rate', { percent: percent((hit / all) * 100) }) : '');
    hits.style.flexGrow = String(hit);
    misses.style.flexGrow = String(miss);
    const time = (result) => (result?.count ? ` · p50 ${ms(result.p50_ms)}` : '');
    const told = [t('cache.hit', { n: count(hit) }) + time(results.hit), t('cache.miss', { n: count(miss) }) + time(results.miss)];
    write(lines, told.join(' / '));
  };
  return { node, update };
}

const none = (key) => () => {
  const node = el('p', { class: 'quiet' }, t(key));
  return { node, update() {} };
};

function entries(parent, found, make, key) {
  const told = Object.entries(found);
  if (told.length > 0) keyed(parent, told, ([name]) => name, make);
  else keyed(parent, [['']], () => ' none', none(key));
}

function render() {
  if (!state.metrics) return;
  entries(find('gauges'), state.metrics.limiters, gauge, 'limiters.none');
  entries(find('caches'), state.metrics.cache, cache, 'cache.none');
}

export function mount() {
  watch(render);
}

export function translated() {
  forget(find('gauges'));
  forget(find('caches'));
}
