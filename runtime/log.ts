// Logs: a constant lower-case message plus fields. `info` is a state change a person cares about; `debug` is the rest.
// Field names are lower camel case: cluster, peer, key, revision, node, path, durationMs, error.

import pino from 'pino';
import { causeChain } from './errors.ts';

export interface LogFields {
  readonly [name: string]: unknown;
}

export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  child(fields: LogFields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};

/** JSON lines on standard error, so that standard output stays free for results. */
export function processLog(level: LogLevel, fields: LogFields = {}): Log {
  return wrap(
    pino({ level, base: fields, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true })),
  );
}

function wrap(logger: pino.Logger): Log {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, fields: LogFields = {}) =>
      logger[level]('error' in fields ? { ...fields, error: causeChain(fields.error) } : fields, message);
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: (fields) => wrap(logger.child(fields)),
  };
}
