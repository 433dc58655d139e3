// What the service, its programs, the machine and its cards use: now, and in the last five minutes.

import { el, find, forget, keyed, mark, write } from './dom.js';
import { bytes, count, decimal, percent, span } from './format.js';
import { spark } from './spark.js';
import { series, state, watch } from './state.js';
import { t } from './words.js';

const whole = (look) => look.resources.machine;
const cpuOf = ({ process, children }) => (process ? process.cpu_s + (children?.cpu_s ?? 0) : null);

/** Cores that the service and its programs kept busy between two looks. */
function cores(look, before) {
  if (!before || look.at === before.at) return null;
  const [now, then] = [cpuOf(look.resources), cpuOf(before.resources)];
  return now === null || then === null ? null : Math.max(0, (now - then) / ((look.at - before.at) / 1000));
}

const memory = ({ resources: { process, children } }) => (process ? process.memory_bytes + (children?.memory_bytes ?? 0) : null);
const most = (points) => Math.max(...points.map(({ value }) => value ?? 0));
const below = (limit) => (limit < 100 ? limit : undefined);

/** What is drawn: name, what is said of now, points, the top of the scale, a limit. */
function lines({ resources, admission }) {
  const { machine, process, children, gpus = [] } = resources;
  const drawn = [];
  if (machine) {
    const limit = below(admission.limits.cpu_percent);
    drawn.push({ key: 'cpu', name: t('res.cpu'), now: t('res.cpu.now', { percent: percent(machine.cpu_percent), cores: count(machine.cores) }),
      points: series((look) => whole(look)?.cpu_percent), top: 100, limit });
  }
  if (process) {
    const points = series(cores);
    const now = points.at(-1)?.value;
    drawn.push({ key: 'own', name: t('res.own'), now: now === null || now === undefined ? '' : t('res.own.now', { cores: decimal(now) }),
      points, top: Math.max(machine?.cores ?? 1, most(points)) });
  }
  if (machine?.memory_percent !== undefined) {
    const limit = below(admission.limits.memory_percent);
    drawn.push({ key: 'memory', name: t('res.memory'), now: t('res.memory.now', { percent: percent(machine.memory_percent) }),
      points: series((look) => whole(look)?.memory_percent), top: 100, limit });
  }
  if (process) {
    const points = series(memory);
    drawn.push({ key: 'rss', name: t('res.rss'),
      now: t('res.rss.now', { own: bytes(process.memory_bytes), children: bytes(children?.memory_bytes ?? 0) }),
      points, top: most(points) * 1.15 });
  }
  for (const gpu of gpus) {
    drawn.push({ key: `gpu${gpu.index}`, name: gpu.name ?? t('res.gpu', { n: gpu.index }),
      now: t('res.gpu.now', { busy: percent(gpu.busy_percent ?? 0), memory: bytes(gpu.memory_used_bytes) }),
      points: series((look) => look.resources.gpus?.find(({ index }) => index === gpu.index)?.busy_percent), top: 100 });
  }
  return drawn;
}

function tile() {
  const name = el('h3');
  const now = el('p', { class: 'num spark-now' });
  const note = el('p', { class: 'quiet small' });
  const { node: picture, draw } = spark();
  const node = el('div', { class: 'spark-tile' }, name, now, picture, note);
  const update = (line) => {
    mark(node, 'data-key', line.key);
    write(name, line.name);
    write(now, line.now);
    write(note, line.limit === undefined ? '' : t('res.limit', { percent: percent(line.limit) }));
    draw(line.points, line.top, line.limit);
  };
  return { node, update };
}

/** What is a number and no line. */
function facts({ process, children, disk, cgroup }) {
  const told = [];
  if (disk) told.push([t('res.disk'), t('res.disk.of', { free: bytes(disk.free_bytes), total: bytes(disk.total_bytes) })]);
  if (children) told.push([t('res.children'), count(children.living)]);
  if (process?.open_files !== undefined) told.push([t('res.files'), count(process.open_files)]);
  if (process) told.push([t('res.threads'), count(process.threads)]);
  if (cgroup?.memory_limit_bytes !== undefined) {
    const values = { used: bytes(cgroup.memory_bytes), limit: bytes(cgroup.memory_limit_bytes) };
    told.push([t('res.group'), t('res.group.memory', values)]);
  }
  if (cgroup?.throttled_periods > 0) {
    const values = { time: span(cgroup.throttled_s ?? 0), n: count(cgroup.throttled_periods), periods: count(cgroup.periods) };
    told.push([t('res.throttled'), t('res.throttled.now', values)]);
  }
  return told;
}

function fact() {
  const [name, value] = [el('dt'), el('dd', { class: 'num' })];
  const update = (told) => {
    write(name, told[0]);
    write(value, told[1]);
  };
  return { node: el('div', {}, name, value), update };
}

function render() {
  if (!state.metrics) return;
  keyed(find('sparks'), lines(state.metrics), ({ key }) => key, tile);
  keyed(find('facts'), facts(state.metrics.resources), ([name]) => name, fact);
}

export function mount() {
  watch(render);
}

export function translated() {
  forget(find('sparks'));
  forget(find('facts'));
}
