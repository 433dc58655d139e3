// A form for a job.

import { send } from './api.js';
import { el, fill, find, write } from './dom.js';
import { open } from './job.js';
import { told } from './problem.js';
import { may, state, watch } from './state.js';
import { keep } from './titles.js';
import { language, t } from './words.js';

const LANGUAGES = [['', 'submit.language.auto'], ['vi', 'Tiếng Việt'], ['en', 'English'], ['zh', '中文'], ['ja', '日本語'], ['ko', '한국어'],
  ['fr', 'Français'], ['de', 'Deutsch'], ['es', 'Español'], ['pt', 'Português'], ['id', 'Bahasa Indonesia'], ['th', 'ไทย']];
const SIZES = { '9:16': '540x960', '16:9': '960x540', '1:1': '540x540' };
const SOURCES = ['pexels', 'pixabay', 'coverr', 'comfyui', 'replicate'];
const PRIORITIES = ['LOW', 'NORMAL', 'HIGH', 'URGENT'];

let sent = () => {};

/** Called when a job was taken. */
export function onSent(call) {
  sent = call;
}

/** The request that the form says. Pure. */
export function asked(values) {
  const aspect = values.get('aspect');
  const spec = { video_subject: values.get('subject').trim(), video_aspect: aspect, video_source: values.get('source'),
    priority: values.get('priority'), subtitle_enabled: values.has('subtitles') };
  const script = values.get('script').trim();
  if (script) spec.video_script = script;
  if (values.get('language')) spec.video_language = values.get('language');
  if (values.has('draft')) spec.video_size = SIZES[aspect];
  return spec;
}

function field(id, label, control, hint) {
  control.id = `submit-${id}`;
  control.name = id;
  if (hint) control.setAttribute('aria-describedby', `submit-${id}-hint`);
  return el('div', { class: 'field' }, el('label', { for: control.id }, label), control,
    hint && el('p', { class: 'quiet small', id: `submit-${id}-hint` }, hint));
}

const choice = (values, name, chosen) => el('select', {}, values.map((value) => el('option', { value, selected: value === chosen }, name(value))));

function check(name, label, on) {
  return el('label', { class: 'check' }, el('input', { type: 'checkbox', name, checked: on }), el('span', {}, label));
}

function aspects() {
  const one = (value, index) => el('label', { class: 'aspect' }, el('input', { type: 'radio', name: 'aspect', value, checked: index === 0 }),
    el('i', { data: { aspect: value }, 'aria-hidden': 'true' }), el('span', {}, t(`aspect.${value}`)));
  return el('fieldset', { class: 'aspects' }, el('legend', {}, t('submit.aspect')), Object.keys(SIZES).map(one));
}

function form(dialog) {
  const wrong = el('div', { class: 'field-error', id: 'submit-wrong', role: 'alert' });
  const button = el('button', { type: 'submit', class: 'primary' }, t('submit.send'));
  const languages = el('select', {}, LANGUAGES.map(([code, name], index) => el('option', { value: code, selected: code === language() }, index ? name : t(name))));
  const subject = el('input', { type: 'text', autocomplete: 'off', maxlength: '500' });
  const submit = async (event) => {
    event.preventDefault();
    const spec = asked(new FormData(event.target));
    if (!spec.video_subject && !spec.video_script) {
      write(wrong, t('submit.more.need'));
      return subject.focus();
    }
    button.disabled = true;
    write(button, t('submit.sending'));
    try {
      const { id } = await send('POST', 'api/v1/jobs', spec);
      keep(id, spec);
      dialog.close();
      sent();
      open(id);
    } catch (error) {
      const lines = error.fields?.length ? error.fields.map((one) => t('submit.field', one)) : [told(error)];
      fill(wrong, lines.map((line) => el('p', {}, line)));
    }
    button.disabled = false;
    write(button, t('submit.send'));
  };
  return el('form', { class: 'form', onsubmit: submit },
    el('div', { class: 'panel-head' }, el('h2', { id: 'submit-title' }, t('submit.title')),
      el('button', { type: 'button', class: 'plain close', 'aria-label': t('close'), onclick: () => dialog.close() }, '✕')),
    field('subject', t('submit.subject'), subject, t('submit.subject.hint')),
    field('language', t('submit.language'), languages),
    aspects(),
    el('details', {}, el('summary', {}, t('submit.more')),
      field('script', t('submit.script'), el('textarea', { rows: '4' }), t('submit.script.hint')),
      el('div', { class: 'row' }, field('source', t('submit.source'), choice(SOURCES, (value) => value, 'pexels')),
        field('priority', t('submit.priority'), choice(PRIORITIES, (value) => t(`priority.${value}`), 'NORMAL'))),
      check('draft', t('submit.draft'), false), check('subtitles', t('submit.subtitles'), true)),
    wrong, el('div', { class: 'form-end' }, button));
}

export function mount() {
  const dialog = find('submit-sheet');
  find('new-job').addEventListener('click', () => {
    fill(dialog, [form(dialog)]);
    dialog.showModal();
    find('submit-subject').focus();
  });
  watch(() => {
    find('new-job').hidden = state.caller !== null && !may('submit');
  });
}
