// A page of jobs, the youngest first, by state.

import { jobPath, nowUs, read, source } from './api.js';
import { announce, el, fill, find, forget, keyed, mark, write } from './dom.js';
import { count, instant, percent, span, us } from './format.js';
import { open } from './job.js';
import { STAGES } from './stages.js';
import { changed, state, watch } from './state.js';
import { title } from './titles.js';
import { named, t } from './words.js';

const STATES = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];
const PAGE = 12;

export const isFinal = ({ state: is }) => is === 'succeeded' || is === 'failed' || is === 'cancelled';

let wanted = () => {};
let asked = '';

/** Called where somebody wants another page. */
export function onWanted(call) {
  wanted = call;
}

/** Asks for the page where it can have changed: another page, another total, or a job that goes on. */
export async function refresh() {
  const before = state.trail.at(-1);
  const question = JSON.stringify([state.filter, before, state.metrics?.totals]);
  const goesOn = state.jobs?.some((job) => !isFinal(job));
  if (question === asked && !goesOn) return;
  const query = new URLSearchParams({ limit: PAGE });
  if (state.filter) query.set('state', state.filter);
  if (before !== null) query.set('before', before);
  const { jobs, next } = await read(`api/v1/jobs?${query}`);
  tellEnds(jobs);
  Object.assign(state, { jobs, next });
  asked = question;
}

function tellEnds(jobs) {
  const was = new Map((state.jobs ?? []).map((job) => [job.id, job]));
  const ended = jobs.filter((job) => isFinal(job) && was.has(job.id) && !isFinal(was.get(job.id)));
  const lines = ended.map((job) => t('said.ended', { title: title(job), state: t(`state.${job.state}`) }));
  if (lines.length > 0) announce(lines.join('. '));
}

function turn(change) {
  change();
  state.jobs = null;
  changed();
  wanted();
}

/** The stage that a running job is in. */
export function current({ stages, attempt }) {
  const now = stages.filter((time) => time.attempt === attempt && time.finished_us === null);
  return now.at(-1)?.stage ?? null;
}

/** Where a job is, in a line. */
export function where(job) {
  if (job.state === 'queued') return t('job.waits', { time: span((nowUs() - job.submitted_us) / 1e6) });
  if (job.state === 'running') {
    const stage = current(job);
    const told = stage ? named('stage', stage) : t('job.between');
    return t('job.runs', { stage: told, percent: percent(job.progress * 100) });
  }
  const what = job.error ? `${job.error.code} · ` : '';
  return what + t('job.took', { time: us(job.finished_us - job.submitted_us) });
}

export function chip() {
  const node = el('span', { class: 'chip' });
  const update = (is) => {
    mark(node, 'data-state', is);
    write(node, t(`state.${is}`));
  };
  return { node, update };
}

function steps() {
  const node = el('span', { class: 'steps', 'aria-hidden': 'true' }, STAGES.map((stage) => el('i', { data: { stage } })));
  const update = (job) => {
    [...node.children].forEach((step, place) => {
      const time = job.stages.findLast(({ stage }) => stage === STAGES[place]);
      mark(step, 'data-is', !time ? null : time.finished_us !== null ? 'done' : job.state === 'running' ? 'now' : 'broken');
    });
  };
  return { node, update };
}

function picture(job) {
  const node = el('span', { class: 'cover', 'aria-hidden': 'true' });
  let has = false;
  const update = async (now) => {
    if (has || !now.outcome?.cover || now.files_gone) return;
    has = true;
    const found = await source(jobPath(job.id, '/files/cover.jpg')).catch(() => null);
    if (found) fill(node, [el('img', { src: found.url, alt: '', loading: 'lazy' })]);
  };
  return { node, update };
}

function card(job) {
  const [state, progress, cover] = [chip(), steps(), picture(job)];
  const [name, line, at] = [el('span', { class: 'job-name' }), el('span', { class: 'num' }), el('span', { class: 'quiet num' })];
  const button = el('button', { type: 'button', class: 'job', data: { job: job.id }, onclick: () => open(job.id) },
    cover.node,
    el('span', { class: 'job-text' }, name, el('span', { class: 'job-line' }, state.node, line, at), progress.node));
  const update = (now) => {
    state.update(now.state);
    progress.update(now);
    cover.update(now);
    write(name, title(now));
    write(line, where(now));
    write(at, t('job.at', { time: instant(now.submitted_us) }));
  };
  return { node: el('li', {}, button), update };
}

function filter(is) {
  const n = el('span', { class: 'num quiet' });
  const select = () => turn(() => Object.assign(state, { filter: is, trail: [null] }));
  const node = el('button', { type: 'button', class: 'tab', data: { filter: is || 'all' }, onclick: select },
    el('span', {}, is ? t(`state.${is}`) : t('jobs.all')), n);
  const update = () => {
    mark(node, 'aria-pressed', String(state.filter === is));
    const { totals } = state.metrics ?? {};
    write(n, totals ? count(is ? totals[is] : totals.submitted) : '');
  };
  return { node, update };
}

function pages() {
  const [newer, older] = [el('button', { type: 'button' }), el('button', { type: 'button' })];
  const page = el('span', { class: 'quiet num' });
  newer.addEventListener('click', () => turn(() => state.trail.pop()));
  older.addEventListener('click', () => turn(() => state.trail.push(state.next)));
  fill(find('pages'), [newer, page, older]);
  return () => {
    write(newer, `← ${t('jobs.newer')}`);
    write(older, `${t('jobs.older')} →`);
    write(page, t('jobs.page', { n: state.trail.length }));
    newer.disabled = state.trail.length === 1;
    older.disabled = state.next === null;
    find('pages').hidden = newer.disabled && older.disabled;
  };
}

let turnPages = () => {};

function render() {
  mark(find('filters'), 'aria-label', t('jobs.filter'));
  keyed(find('filters'), ['', ...STATES], (is) => is, filter);
  turnPages();
  if (!state.jobs) return;
  keyed(find('job-list'), state.jobs, ({ id }) => id, card);
  find('no-jobs').hidden = state.jobs.length > 0;
  write(find('no-jobs'), t(state.filter ? 'jobs.none.filtered' : 'jobs.none'));
}

export function mount() {
  turnPages = pages();
  watch(render);
}

export function translated() {
  forget(find('filters'));
  forget(find('job-list'));
}
