// A job on a line of time: how long it waited, then each stage, from the instants of its status.

import { nowUs } from './api.js';
import { el, fill, mark, write } from './dom.js';
import { us } from './format.js';
import { STAGES } from './stages.js';
import { named, t } from './words.js';

/** Rows of bars over the time from submit to end, or to `now`. Pure. */
export function layout(status, now) {
  const from = status.submitted_us;
  const known = status.stages.flatMap((time) => [time.started_us, time.finished_us ?? 0]);
  const to = status.finished_us ?? Math.max(now, status.started_us ?? 0, ...known, from + 1);
  const bar = (start, end, props) => ({ from: start, to: Math.max(start, Math.min(end, to)), ...props });
  const first = Math.min(...status.stages.map((time) => time.started_us), status.started_us ?? to);
  const rows = [{ stage: 'waiting', bars: [bar(from, first, { attempt: 0, is: 'waited' })] }];
  // A later attempt began where the one before it was over.
  const began = (attempt) => Math.min(...status.stages.filter((time) => time.attempt > attempt).map((time) => time.started_us),
    status.attempt > attempt ? status.started_us ?? to : to);
  for (const stage of STAGES) {
    const times = status.stages.filter((time) => time.stage === stage);
    if (times.length === 0) continue;
    const bars = times.map((time) => {
      if (time.finished_us !== null) return bar(time.started_us, time.finished_us, { attempt: time.attempt, is: 'done' });
      const runs = status.state === 'running' && time.attempt === status.attempt;
      return bar(time.started_us, runs ? to : began(time.attempt), { attempt: time.attempt, is: runs ? 'now' : 'broken' });
    });
    rows.push({ stage, bars });
  }
  return { from, to, rows };
}

/** Round steps, four to eight of them. Pure. */
export function ticks(length_us) {
  const sizes = [1, 2, 5].flatMap((n) => Array.from({ length: 12 }, (_, power) => n * 10 ** power)).sort((a, b) => a - b);
  const step = sizes.find((size) => length_us / size <= 6) ?? length_us;
  return Array.from({ length: Math.floor(length_us / step) + 1 }, (_, n) => n * step);
}

export function timeline() {
  const axis = el('div', { class: 'axis', 'aria-hidden': 'true' });
  const lanes = el('ol', { class: 'lanes-of-time' });
  const sum = el('span', { class: 'quiet small num' });
  const node = el('section', { class: 'timeline', 'aria-labelledby': 'timeline-title' },
    el('div', { class: 'panel-head' }, el('h3', { id: 'timeline-title' }, t('job.timeline')), sum), axis, lanes);
  const place = (bar, from, length, element) => {
    element.style.left = `${((bar.from - from) / length) * 100}%`;
    element.style.width = `${((bar.to - bar.from) / length) * 100}%`;
  };
  const say = (stage, bar, from) => {
    const name = stage === 'waiting' ? t('job.waited') : named('stage', stage);
    const key = bar.is === 'now' || bar.is === 'broken' ? 'job.row.open' : 'job.row';
    const told = t(key, { stage: name, time: us(bar.to - bar.from), at: us(bar.from - from) });
    return bar.attempt > 1 ? `${told} (${t('job.row.again', { n: bar.attempt })})` : told;
  };
  const update = (status) => {
    const { from, to, rows } = layout(status, nowUs());
    const length = Math.max(1, to - from);
    write(sum, t(status.finished_us === null ? 'job.timeline.now' : 'job.timeline.all', { time: us(length) }));
    const shape = rows.map((row) => `${row.stage}${row.bars.length}`).join();
    if (lanes.dataset.shape !== shape) {
      lanes.dataset.shape = shape;
      fill(lanes, rows.map((row) => el('li', { data: { stage: row.stage } },
        el('span', { class: 'lane-name' }, row.stage === 'waiting' ? t('job.waited') : named('stage', row.stage)),
        el('span', { class: 'track' }, row.bars.map(() => el('span', { class: 'time-bar', role: 'img' }))),
        el('span', { class: 'lane-time num' }))));
    }
    rows.forEach((row, index) => {
      const [, track, time] = lanes.children[index].children;
      row.bars.forEach((bar, number) => {
        const element = track.children[number];
        place(bar, from, length, element);
        mark(element, 'data-is', bar.is);
        mark(element, 'aria-label', say(row.stage, bar, from));
        mark(element, 'title', say(row.stage, bar, from));
      });
      write(time, us(row.bars.reduce((all, bar) => all + bar.to - bar.from, 0)));
    });
    const steps = ticks(length);
    fill(axis, steps.map((at) => {
      const tick = el('span', {}, us(at));
      tick.style.left = `${(at / length) * 100}%`;
      return tick;
    }));
  };
  return { node, update };
}
