// Asks for a token. It stays in this tab (sessionStorage), is sent as `Authorization: Bearer`, and stands in no
// address.

import { setToken, token } from './api.js';
import { el, fill, find, write } from './dom.js';
import { t } from './words.js';

/** Shows the question; `then` is called with the token kept. Asked twice, it is one question. */
export function askForToken(problem, then) {
  const dialog = find('token-sheet');
  const wrong = el('p', { class: 'field-error', id: 'token-wrong', role: 'alert' });
  if (token() && problem.kind === '/problems/unknown-token') write(wrong, t('token.wrong'));
  if (dialog.open) {
    write(find('token-wrong'), wrong.textContent);
    return;
  }
  const field = el('input', { id: 'token', type: 'password', required: true, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': 'token-hint token-wrong' });
  const form = el('form', { class: 'form', onsubmit: (event) => {
    event.preventDefault();
    setToken(field.value.trim());
    dialog.close();
    then();
  } },
  el('h2', { id: 'token-title' }, t('token.title')),
  el('label', { for: 'token' }, t('token.label')), field,
  el('p', { class: 'quiet small', id: 'token-hint' }, t('token.hint')), wrong,
  el('div', { class: 'form-end' }, el('button', { type: 'submit', class: 'primary' }, t('token.send'))));
  fill(dialog, [form]);
  // There is nothing to see behind it.
  dialog.oncancel = (event) => event.preventDefault();
  dialog.showModal();
  field.focus();
}
