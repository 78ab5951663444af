// Reads a program's stream of server-sent events, as long as it lasts. Errors say which program was asked, as those of
// api-client.ts do.

import { OperationalError, reasonOf } from '../runtime/errors.ts';
import { HTTP_LIMITS } from '../runtime/http-limits.ts';
import { type ApiPlace, sendRequest } from './api-request.ts';

export interface StreamEvent {
  readonly event: string;
  readonly value: unknown;
}

/** One event is a kilobyte; what never ends a line is no stream of ours. */
const LINE_CHARACTERS_MAX = 1024 * 1024;
/** Of a program that beats. A busy machine may hold up one or two. */
const SILENCE_MS_MAX = 4 * HTTP_LIMITS.beatMs;

/** Ends when the program ends the stream or `signal` aborts; throws API_UNREACHABLE or API_REFUSED. */
export async function* streamEvents(
  place: ApiPlace,
  path: string,
  signal: AbortSignal,
  silenceMs: number = SILENCE_MS_MAX,
): AsyncGenerator<StreamEvent> {
  const { server } = place;
  const question = { method: 'GET', path, accept: 'text/event-stream' } as const;
  const { response } = await sendRequest(place, question, signal);
  if (response.statusCode !== 200) {
    response.destroy();
    throw failure('API_REFUSED', server, `it answered ${response.statusCode}`, 'is this the address of an agent?');
  }
  const silence = `nothing was heard for ${silenceMs / 1000} s`;
  // Not before the first beat: a program of a former version has none.
  let deadline: NodeJS.Timeout | undefined;
  let rest = '';
  let event = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      deadline?.refresh();
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_CHARACTERS_MAX) throw new Error(`a line of more than ${LINE_CHARACTERS_MAX} characters`);
      for (const line of lines) {
        if (line.startsWith('event: ')) event = line.slice('event: '.length);
        else if (line.startsWith('data: ')) yield { event, value: JSON.parse(line.slice('data: '.length)) };
        else if (line.startsWith(':')) deadline ??= setTimeout(() => response.destroy(new Error(silence)), silenceMs);
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    throw failure(
      'API_UNREACHABLE',
      server,
      reasonOf(error),
      'the program ended or stands still, or the reader was too slow for it',
    );
  } finally {
    clearTimeout(deadline);
    response.destroy();
  }
}

const failure = (code: string, server: string, reason: string, hint: string): OperationalError =>
  new OperationalError({ code, operation: 'observe', subject: server, reason, hint });
