// What went wrong, in the reader's words.

import { Away } from './api.js';
import { t } from './words.js';

export function told(error) {
  if (error instanceof Away) return t('problem.away');
  if (error.kind === '/problems/role') return t('problem.role');
  return error.message;
}
