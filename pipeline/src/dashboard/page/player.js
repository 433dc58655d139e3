// The finished video, with its subtitles as a track; its files, to take away.

import { jobPath, source, token } from './api.js';
import { el, fill } from './dom.js';
import { told } from './problem.js';
import { t } from './words.js';

/** What is copied into memory at most, behind a token. */
const MAX_COPY = 512 * 1024 * 1024;

/** The names of what a job gives out. */
export function files({ outcome, files_gone: gone }) {
  if (!outcome || gone) return [];
  const { videos, video, narration, subtitles, cover } = outcome;
  const all = [...(videos?.length ? videos : [video]).map((one) => one?.file), narration?.file,
    subtitles?.srt, subtitles?.vtt, subtitles?.ass, cover];
  return [...new Set(all.filter(Boolean))];
}

/** Sources of one job that are let go together. */
export function player() {
  const node = el('div', { class: 'player' });
  const kept = [];
  const stop = new AbortController();
  let shown = null;

  const get = async (id, name) => {
    const found = await source(jobPath(id, `/files/${encodeURIComponent(name)}`), stop.signal);
    kept.push(found);
    return found.url;
  };

  const show = async ({ id, outcome }) => {
    const { video, subtitles, cover } = outcome;
    try {
      const [picture, vtt] = await Promise.all([cover, subtitles?.vtt].map((name) => (name ? get(id, name) : null)));
      const film = el('video', { controls: true, playsinline: true, preload: 'metadata', poster: picture, 'aria-label': t('job.video'),
        width: video.width, height: video.height });
      if (vtt) film.append(el('track', { kind: 'captions', src: vtt, label: t('job.subtitles') }));
      film.src = await get(id, video.file);
      fill(node, [film]);
    } catch (error) {
      if (!stop.signal.aborted) fill(node, [el('p', { class: 'quiet' }, told(error))]);
    }
  };

  const update = (status) => {
    const { state, outcome, files_gone: gone } = status;
    const isLarge = token() && outcome?.video?.bytes > MAX_COPY;
    const is = gone ? 'gone' : outcome?.video ? (isLarge ? 'large' : 'video') : state === 'succeeded' ? 'none' : state;
    if (is === shown) return;
    shown = is;
    node.dataset.is = is;
    if (is === 'video') return void show(status);
    const key = { gone: 'job.gone', large: 'job.large', none: 'job.video.none', queued: 'job.preparing', running: 'job.preparing' }[is];
    fill(node, key ? [el('p', { class: 'quiet' }, t(key))] : []);
  };
  const close = () => {
    stop.abort();
    node.querySelector('video')?.pause();
    for (const { done } of kept) done();
  };
  return { node, update, close };
}

/** Links to files; with a token a copy is made when one is asked for. */
export function downloads() {
  const list = el('ul', { class: 'files' });
  const node = el('section', {}, el('h3', {}, t('job.files')), list);
  const take = async (id, name, event) => {
    event.preventDefault();
    const { url, done } = await source(jobPath(id, `/files/${encodeURIComponent(name)}`));
    el('a', { href: url, download: `${id.slice(-8)}-${name}` }).click();
    setTimeout(done, 60_000);
  };
  const update = (status) => {
    const names = files(status);
    node.hidden = names.length === 0;
    if (list.childElementCount === names.length) return;
    fill(list, names.map((name) => el('li', {}, el('a', {
      href: jobPath(status.id, `/files/${encodeURIComponent(name)}`), 'aria-label': t('job.file', { name }),
      onclick: (event) => take(status.id, name, event),
    }, name))));
  };
  return { node, update };
}
