// Percentiles of each stage, with bars. Too few times for a percentile are said to be too few.

import { el, fill, find, mark, write } from './dom.js';
import { count, ms } from './format.js';
import { state, watch } from './state.js';
import { named, t } from './words.js';

export const STAGES = ['script', 'terms', 'narration', 'materials', 'subtitles', 'selection', 'render', 'publish'];
const TIMES = [['min_ms', 'col.min'], ['avg_ms', 'col.avg'], ['p50_ms', 'p50'], ['p95_ms', 'p95'], ['p99_ms', 'p99'], ['max_ms', 'col.max']];

const rows = new Map();

function row(name) {
  const cells = {};
  const cell = (key, props = {}) => (cells[key] = el('td', { class: 'num', ...props }));
  const [p50, p95] = [el('span', { class: 'p50' }), el('span', { class: 'p95' })];
  const bars = el('td', { class: 'bars', 'aria-hidden': 'true' }, el('div', { class: 'pair' }, p95, p50));
  const node = el('tr', { data: { stage: name } }, el('th', { scope: 'row' }, el('i', { class: 'swatch', data: { stage: name } }), named('stage', name)), bars,
    cell('count'), ...TIMES.map(([key]) => cell(key)), cell('errors'), cell('reused'));
  const update = (times, top) => {
    write(cells.count, count(times.count));
    for (const [key] of TIMES) {
      const isFew = times.count > 0 && times[key] === null;
      write(cells[key], times.count > 0 ? ms(times[key]) : '–');
      mark(cells[key], 'title', isFew ? t('stages.few') : null);
    }
    write(cells.errors, count(times.errors));
    mark(cells.errors, 'class', times.errors > 0 ? 'num bad' : 'num');
    write(cells.reused, count(times.reused));
    p50.style.width = `${((times.p50_ms ?? 0) / top) * 100}%`;
    p95.style.width = `${((times.p95_ms ?? times.p50_ms ?? 0) / top) * 100}%`;
  };
  return { node, update };
}

function table() {
  rows.clear();
  const names = ['col.stage', '', 'col.count', ...TIMES.map(([, name]) => name), 'col.errors', 'col.reused'];
  const head = names.map((name) => (name ? el('th', { scope: 'col' }, t(name)) : el('td')));
  const body = el('tbody');
  fill(find('stage-table'), [el('thead', {}, el('tr', {}, head)), body]);
  return body;
}

let body = null;

function render() {
  if (!state.metrics) return;
  const { features } = state.metrics;
  const names = [...STAGES.filter((name) => name in features), ...Object.keys(features).filter((name) => !STAGES.includes(name))];
  body ??= table();
  if (names.join() !== [...rows.keys()].join()) {
    rows.clear();
    for (const name of names) rows.set(name, row(name));
    const none = el('tr', {}, el('td', { colspan: '11', class: 'quiet' }, t('stages.none')));
    fill(body, names.length > 0 ? [...rows.values()].map(({ node }) => node) : [none]);
  } else if (names.length === 0 && !body.firstElementChild) {
    fill(body, [el('tr', {}, el('td', { colspan: '11', class: 'quiet' }, t('stages.none')))]);
  }
  const top = Math.max(1, ...names.map((name) => features[name].p95_ms ?? features[name].p50_ms ?? 0));
  for (const name of names) rows.get(name).update(features[name], top);
}

export function mount() {
  watch(render);
}

export function translated() {
  body = null;
}
