// What the traffic client (client.ts) writes for each request, one JSON line each, and how it is read.

export interface RequestResult {
  /** When the request was begun, and when its outcome was known; milliseconds since the epoch, with fractions. */
  readonly begunAt: number;
  readonly endedAt: number;
  /** Who answered; absent when nobody did. */
  readonly answer?: Answer;
  /** Why nobody answered. */
  readonly error?: string;
}

export interface Answer {
  readonly cluster: string;
  readonly node: string;
  readonly pod: string;
}

/** `undefined` for a line that the client did not write. */
export function parseResult(line: string): RequestResult | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null && 'begunAt' in value ? (value as RequestResult) : undefined;
  } catch {
    return undefined;
  }
}
