// The client of a lab: sends HTTP requests to one address at a steady rate, each over a new connection, and writes what came of
// each (client-result.ts). It never repeats a request: a failure is a failure. Ends on SIGTERM, after what is under way.
//
//   node client.js --target http://172.20.1.10:80/ [--rate 50] [--timeout-ms 2000]

import { Agent, get } from 'node:http';
import { parseArgs } from 'node:util';
import type { Answer, RequestResult } from './client-result.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string' },
    rate: { type: 'string', default: '50' },
    'timeout-ms': { type: 'string', default: '2000' },
  },
});
const target = new URL(values.target ?? '');
const timeoutMs = Number(values['timeout-ms']);
const intervalMs = 1000 / Number(values.rate);

/** Beyond this nothing answers any more, and more requests would only measure this process. */
const UNDER_WAY_MAX = 256;

const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
const now = (): number => performance.timeOrigin + performance.now();
let underWay = 0;
let stopping = false;
let next = now();

function tick(): void {
  if (stopping) return;
  const at = now();
  // After a pause of the whole machine the rate goes on; it is not made up for in a burst.
  if (at - next > 10 * intervalMs) next = at;
  while (next <= at) {
    next += intervalMs;
    if (underWay < UNDER_WAY_MAX) send();
  }
  setTimeout(tick, Math.max(1, next - now()));
}

function send(): void {
  const begunAt = now();
  underWay += 1;
  let ended = false;
  const end = (outcome: { readonly answer: Answer } | { readonly error: string }): void => {
    if (ended) return;
    ended = true;
    underWay -= 1;
    clearTimeout(deadline);
    const result: RequestResult = { begunAt, endedAt: now(), ...outcome };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  };
  const request = get(target, { agent }, (response) => {
    let body = '';
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      body += text;
    });
    response.on('error', (error) => end({ error: reason(error) }));
    response.on('end', () => {
      if (response.statusCode !== 200) end({ error: `status ${response.statusCode}` });
      else end(answerOf(body));
    });
  });
  const deadline = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
  request.on('error', (error) => end({ error: reason(error) }));
}

function answerOf(body: string): { readonly answer: Answer } | { readonly error: string } {
  try {
    return { answer: JSON.parse(body) as Answer };
  } catch {
    return { error: 'the answer is no JSON' };
  }
}

const reason = (error: Error): string => ('code' in error ? String(error.code) : error.message);

process.once('SIGTERM', () => {
  stopping = true;
});
tick();
