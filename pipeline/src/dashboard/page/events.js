// Server-sent events, read by `fetch`: an EventSource cannot send a token.

import { ask, jobPath } from './api.js';

const PAUSE_MS = 1500;

/** Blocks of a stream, as `{ id, event, data }`. */
export async function* blocks(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let open = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    open += value;
    let end;
    while ((end = open.indexOf('\n\n')) >= 0) {
      const block = { id: null, event: 'message', data: '' };
      for (const line of open.slice(0, end).split('\n')) {
        const colon = line.indexOf(':');
        if (colon > 0) block[line.slice(0, colon)] = line.slice(colon + 1).replace(/^ /, '');
      }
      open = open.slice(end + 2);
      if (block.data) yield block;
    }
  }
}

/** Tells each event of a job until it ends or `signal` is given; a stream that breaks is taken up again. */
export async function follow(id, signal, tell) {
  let seen = null;
  while (!signal.aborted) {
    try {
      const headers = seen === null ? {} : { 'Last-Event-ID': seen };
      const answer = await ask(jobPath(id, '/events'), { signal, headers });
      for await (const block of blocks(answer.body)) {
        seen = block.id ?? seen;
        tell(JSON.parse(block.data));
        if (block.event === 'ended') return;
      }
    } catch (error) {
      if (signal.aborted || error.status === 404 || error.status === 401) return;
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
