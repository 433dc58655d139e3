// What a job is called, and what was asked for in this tab.

import { t } from './words.js';

const KEY = 'reelbench.requests';
const MOST = 100;
const LONGEST = 90;

const kept = () => new Map(JSON.parse(sessionStorage.getItem(KEY) ?? '[]'));

export function keep(id, request) {
  const requests = [...kept(), [id, request]].slice(-MOST);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(requests));
  } catch {
    // No room: the request of an open job is not shown.
    sessionStorage.removeItem(KEY);
  }
}

/** The request of a job that was made in this tab. */
export const request = (id) => kept().get(id) ?? null;

const whole = (text) => text.trim().replace(/\s+/g, ' ');
const firstSentence = (line) => /^.{12,}?[.!?。！？](?=\s|$)/u.exec(line)?.[0] ?? line;

/** What was asked in this tab is known before the service has told of the job. */
const asked = (id) => request(id)?.video_subject || request(id)?.video_script;

export function title({ id, subject, outcome }) {
  const text = subject || outcome?.script || asked(id);
  if (!text) return t('jobs.untitled', { id: id.slice(-8) });
  const line = firstSentence(whole(text));
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line;
}
