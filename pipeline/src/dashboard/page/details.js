// What a job made, in facts and in words: error, warnings, script, clips, request.

import { el, fill, write } from './dom.js';
import { bytes, count, instant, us } from './format.js';
import { request } from './titles.js';
import { named, t } from './words.js';

/** Names and values. */
export function facts() {
  const list = el('dl', { class: 'facts' });
  const update = (status) => {
    const { outcome, priority, attempt, max_attempts: most, submitted_us: at } = status;
    const { video, narration, subtitles, clips } = outcome ?? {};
    const told = [
      video && ['fact.size', `${video.width}×${video.height}, ${video.fps}/s`],
      video && ['fact.length', us(video.duration_ms * 1000)],
      video && ['fact.bytes', bytes(video.bytes)],
      video && ['fact.encoder', video.encoder],
      narration && ['fact.voice', narration.engine],
      subtitles && ['fact.cues', `${count(subtitles.cues)} · ${subtitles.font}`],
      clips?.length > 0 && ['fact.clips', count(clips.length)],
      ['fact.priority', t(`priority.${priority}`)],
      ['fact.attempt', `${attempt} / ${most}`],
      ['fact.submitted', instant(at)],
    ].filter(Boolean);
    const shape = JSON.stringify(told);
    if (list.dataset.shape === shape) return;
    list.dataset.shape = shape;
    fill(list, told.map(([key, value]) => el('div', {}, el('dt', {}, t(key)), el('dd', { class: 'num' }, value))));
  };
  return { node: list, update };
}

/** A link that leads out, where it is one. */
function outward(url, text) {
  const isWeb = /^https?:\/\//.test(url ?? '');
  return isWeb ? el('a', { href: url, rel: 'noopener noreferrer', target: '_blank' }, text) : el('span', {}, text);
}

function clip(use) {
  const told = [use.creator, use.licence].filter(Boolean).join(' · ');
  const from = `${us(use.start_ms * 1000)} + ${us(use.duration_ms * 1000)}`;
  return el('li', {}, outward(use.page_url, use.id), el('span', { class: 'quiet small num' }, ` ${from} ${told}`));
}

/** What there is to read of a job. */
export function details() {
  const node = el('div', { class: 'details' });
  const failed = el('section', { class: 'failed' });
  const rest = el('div');
  node.append(failed, rest);
  const update = ({ id, error, outcome }) => {
    const shape = JSON.stringify([error, Boolean(outcome)]);
    if (node.dataset.shape === shape) return;
    node.dataset.shape = shape;
    failed.hidden = !error;
    if (error) {
      const at = error.stage ? ` ${t('job.error.stage', { stage: named('stage', error.stage) })}` : '';
      fill(failed, [el('h3', {}, t('job.error') + at), el('p', {}, el('code', { class: 'code' }, error.code)), el('p', { class: 'message' }, error.message)]);
    }
    const { script, warnings = [], clips = [], terms = [] } = outcome ?? {};
    const asked = request(id);
    fill(rest, [
      warnings.length > 0 && el('section', { class: 'warned' }, el('h3', {}, t('job.warnings')), el('ul', {}, warnings.map((text) => el('li', {}, text)))),
      script && el('section', {}, el('h3', {}, t('job.script')), el('p', { class: 'script' }, script),
        terms.length > 0 && el('p', { class: 'terms' }, terms.map((term) => el('span', { class: 'term' }, term)))),
      clips.length > 0 && fold('job.clips', el('ol', { class: 'clips' }, clips.map(clip))),
      asked && fold('job.request', el('pre', { class: 'request' }, JSON.stringify(asked, null, 2))),
    ]);
  };
  return { node, update };
}

function fold(key, ...children) {
  const summary = el('summary');
  write(summary, t(key));
  return el('details', {}, summary, ...children);
}
