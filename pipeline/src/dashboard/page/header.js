// How the service is: version, uptime, whether it is ready, held, or waits for room.

import { announce, find, mark, write } from './dom.js';
import { span } from './format.js';
import { state, watch } from './state.js';
import { t } from './words.js';

/** What the pill says, and of what kind that is. */
export function health({ reach, why, metrics }) {
  if (reach === 'loading') return { kind: 'wait', text: t('health.loading', { why }) };
  if (reach !== 'ready') return { kind: reach === 'away' ? 'bad' : 'wait', text: t(`health.${reach}`) };
  if (metrics?.queue.held) return { kind: 'wait', text: t('health.held') };
  if (metrics && !metrics.admission.open) return { kind: 'wait', text: t('health.closed', { why: metrics.admission.why }) };
  return { kind: 'good', text: t('health.ready') };
}

let seen = null;
let heardAt = null;

function render() {
  const { metrics, reach } = state;
  const { kind, text } = health(state);
  mark(find('health'), 'data-kind', kind);
  write(find('health-text'), text);
  // The reason changes every second; that there is one does not.
  if (seen !== null && seen !== kind) announce(text);
  seen = kind;
  if (reach === 'ready') heardAt = Date.now();
  const isAway = reach === 'away' && heardAt !== null;
  find('notice').hidden = !isAway;
  if (isAway) write(find('notice'), t('away.notice', { time: span((Date.now() - heardAt) / 1000) }));
  if (!metrics) return;
  write(find('version'), metrics.version);
  write(find('uptime'), t('uptime', { time: span(metrics.uptime_s) }));
}

export function mount() {
  watch(render);
}
