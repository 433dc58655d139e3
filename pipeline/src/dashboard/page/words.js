// The words of the page, in the reader's language.

import { en } from './words-en.js';
import { vi } from './words-vi.js';

const KEY = 'reelbench.language';
const WORDS = { en, vi };

let chosen = localStorage.getItem(KEY) ?? (navigator.language.toLowerCase().startsWith('vi') ? 'vi' : 'en');
if (!(chosen in WORDS)) chosen = 'en';

export const language = () => chosen;

/** The other language, and its name in itself. */
export const other = () => (chosen === 'en' ? { code: 'vi', name: 'Tiếng Việt' } : { code: 'en', name: 'English' });

export function setLanguage(code) {
  chosen = code;
  localStorage.setItem(KEY, code);
}

/** The words for `key`, `{name}` replaced; a key without words is shown as it is. */
export function t(key, values = {}) {
  const words = WORDS[chosen][key] ?? en[key] ?? key;
  return words.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

/** Whether there are words for `key`. */
export const has = (key) => key in en;

/** The words for `prefix.name`, or the name itself: stages and classes of later versions. */
export const named = (prefix, name) => (has(`${prefix}.${name}`) ? t(`${prefix}.${name}`) : name);

/** Puts the words of `data-t` into the page. */
export function translate(root = document) {
  document.documentElement.lang = chosen;
  for (const node of root.querySelectorAll('[data-t]')) node.textContent = t(node.dataset.t);
}
