// Numbers as people read them.

import { language } from './words.js';

const number = (digits) => new Intl.NumberFormat(language(), { maximumFractionDigits: digits });

export const count = (n) => number(0).format(n ?? 0);

/** Milliseconds: three digits, in the unit that fits. */
export function ms(value) {
  if (value === null || value === undefined) return '–';
  if (value <= 0) return '0 s';
  if (value < 1) return `${number(0).format(value * 1000)} µs`;
  if (value < 1000) return `${number(value < 10 ? 1 : 0).format(value)} ms`;
  const seconds = value / 1000;
  if (seconds < 120) return `${number(seconds < 10 ? 2 : 1).format(seconds)} s`;
  return span(seconds);
}

export const us = (value) => ms(value === null || value === undefined ? null : value / 1000);

/** Seconds as days, hours, minutes: the two largest. */
export function span(seconds) {
  const parts = [['d', 86400], ['h', 3600], ['min', 60], ['s', 1]];
  let rest = Math.max(0, Math.floor(seconds));
  const told = [];
  for (const [unit, size] of parts) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0 && told.length < 2) told.push(`${n} ${unit}`);
    else if (told.length > 0) break;
  }
  return told.length > 0 ? told.join(' ') : '0 s';
}

/** Bytes in the units of ten. */
export function bytes(n) {
  if (n === null || n === undefined) return '–';
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = n;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${number(value < 10 && unit > 0 ? 1 : 0).format(value)} ${units[unit]}`;
}

export const percent = (share, digits = 0) => `${number(digits).format(share)} %`;

export const decimal = (value, digits = 1) => number(digits).format(value);

/** An instant, in microseconds since 1970, as a time of today or a date. */
export function instant(at_us) {
  const at = new Date(at_us / 1000);
  const today = at.toDateString() === new Date().toDateString();
  const options = today
    ? { hour: '2-digit', minute: '2-digit', second: '2-digit' }
    : { month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' };
  return new Intl.DateTimeFormat(language(), options).format(at);
}
