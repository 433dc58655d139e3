// A job opened: where it is, its timeline, its video, what was asked and what came of it.

import { jobPath, read, send } from './api.js';
import { announce, el, fill, find, mark, write } from './dom.js';
import { follow } from './events.js';
import { details, facts } from './details.js';
import { chip, isFinal, where } from './jobs.js';
import { downloads, player } from './player.js';
import { told } from './problem.js';
import { may } from './state.js';
import { timeline } from './timeline.js';
import { title } from './titles.js';
import { t } from './words.js';

const HASH = /^#job\/([\w-]+)$/;
/** A running job's bars grow so often. */
const GROW_MS = 250;
let shown = null;

/** Opens a job; its address stays in the address of the page. */
export function open(id) {
  location.hash = `job/${id}`;
}

function leave() {
  shown?.close();
  shown = null;
  fill(find('job-sheet'), []);
  if (HASH.test(location.hash)) history.replaceState(null, '', location.pathname + location.search);
}

function sheet(id) {
  const state = chip();
  const line = el('span', { class: 'num' });
  const name = el('h2', { id: 'job-title', tabindex: '-1' }, title({ id }));
  const problem = el('p', { class: 'notice', role: 'alert', hidden: true });
  const act = (key, work, more = {}) => {
    const button = el('button', { type: 'button', hidden: true, ...more, onclick: async () => {
      button.disabled = true;
      problem.hidden = true;
      try {
        update(await work());
      } catch (error) {
        problem.hidden = false;
        problem.dataset.of = 'act';
        write(problem, told(error));
        announce(told(error));
      }
      button.disabled = false;
    } }, t(key));
    return button;
  };
  const cancel = act('job.cancel', () => send('DELETE', jobPath(id)), { class: 'danger', data: { act: 'cancel' } });
  const retry = act('job.retry', async () => {
    const status = await send('POST', jobPath(id, '/retry'));
    begin();
    return status;
  }, { class: 'primary', data: { act: 'retry' } });
  const close = el('button', { type: 'button', class: 'plain close', 'aria-label': t('close'), onclick: () => find('job-sheet').close() }, '✕');
  const [times, film, about, more, links] = [timeline(), player(), facts(), details(), downloads()];
  fill(find('job-sheet'), [
    el('header', { class: 'sheet-head' }, el('div', { class: 'sheet-name' }, name, el('p', { class: 'job-line' }, state.node, line, el('code', { class: 'quiet small' }, id))),
      el('div', { class: 'actions' }, cancel, retry, close)),
    problem,
    el('div', { class: 'sheet-body' },
      el('div', { class: 'side' }, film.node, about.node, links.node),
      el('div', { class: 'rest' }, times.node, more.node)),
  ]);

  let status = null;
  const stop = new AbortController();
  const update = (now) => {
    status = now;
    state.update(now.state);
    write(name, title(now));
    write(line, where(now));
    mark(cancel, 'hidden', isFinal(now) || !may('submit') ? '' : null);
    mark(retry, 'hidden', now.state !== 'failed' || now.files_gone || !may('submit') ? '' : null);
    for (const part of [times, film, about, more, links]) part.update(now);
  };
  const once = async () => {
    try {
      update(await read(jobPath(id), { signal: stop.signal }));
      if (problem.dataset.of === 'look') problem.hidden = true;
    } catch (error) {
      if (stop.signal.aborted) return;
      problem.hidden = false;
      problem.dataset.of = 'look';
      write(problem, error.status === 404 ? t('job.unknown') : told(error));
    }
  };
  // Events come in bursts: one look for all that came during the look before.
  let isWanted = false;
  let looking = null;
  const look = () => {
    isWanted = true;
    looking ??= (async () => {
      while (isWanted) {
        isWanted = false;
        await once();
      }
      looking = null;
    })();
    return looking;
  };
  const begin = () => follow(id, stop.signal, (event) => {
    if (event.event === 'progress' && status) update({ ...status, progress: event.progress });
    else look();
  });
  const growing = setInterval(() => {
    if (status && !isFinal(status)) {
      times.update(status);
      write(line, where(status));
    }
  }, GROW_MS);
  look().then(() => {
    if (status && !isFinal(status)) begin();
  });
  return {
    close() {
      stop.abort();
      clearInterval(growing);
      film.close();
    },
    /** Rights are known after the page has begun. */
    again: () => status && update(status),
  };
}

function go() {
  const id = HASH.exec(location.hash)?.[1];
  shown?.close();
  shown = null;
  if (!id) {
    if (find('job-sheet').open) find('job-sheet').close();
    return;
  }
  shown = sheet(id);
  if (!find('job-sheet').open) find('job-sheet').showModal();
  find('job-title').focus();
}

export function mount() {
  const dialog = find('job-sheet');
  dialog.addEventListener('close', leave);
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) dialog.close();
  });
  addEventListener('hashchange', go);
  go();
}

export function translated() {
  if (shown) go();
}

/** Shows what we may, once it is known. */
export function rights() {
  shown?.again();
}
