// A line of the last minutes, as SVG. Where nothing is known there is a gap.

import { svg } from './dom.js';

const WIDTH = 240;
const HEIGHT = 44;
const SPAN_MS = 5 * 60 * 1000;

/** `line(points, top, limit)`: points `{ at, value }`, the newest at the right edge. */
export function spark() {
  const area = svg('path', { class: 'spark-area' });
  const path = svg('path', { class: 'spark-line' });
  const limit = svg('line', { class: 'spark-limit', x1: 0, x2: WIDTH, visibility: 'hidden' });
  const node = svg('svg', {
    class: 'spark', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true',
  }, area, limit, path);
  const draw = (points, top, limitAt) => {
    const y = (value) => HEIGHT - 2 - Math.min(1, Math.max(0, value / (top || 1))) * (HEIGHT - 5);
    const last = points.at(-1)?.at ?? 0;
    const x = (at) => WIDTH - ((last - at) / SPAN_MS) * WIDTH;
    let line = '';
    let fill = '';
    let begun = null;
    const end = (at) => {
      if (begun !== null) fill += `L${at.toFixed(1)} ${HEIGHT}L${begun.toFixed(1)} ${HEIGHT}Z`;
      begun = null;
    };
    let before = 0;
    for (const { at, value } of points) {
      if (value === null) {
        end(before);
        continue;
      }
      const step = `${x(at).toFixed(1)} ${y(value).toFixed(1)}`;
      line += `${begun === null ? 'M' : 'L'}${step}`;
      fill += `${begun === null ? 'M' : 'L'}${step}`;
      begun ??= x(at);
      before = x(at);
    }
    end(before);
    path.setAttribute('d', line);
    area.setAttribute('d', fill);
    limit.setAttribute('visibility', limitAt === undefined ? 'hidden' : 'visible');
    if (limitAt !== undefined) {
      limit.setAttribute('y1', y(limitAt));
      limit.setAttribute('y2', y(limitAt));
    }
  };
  return { node, draw };
}
