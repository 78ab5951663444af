// The one class for failures that are expected to happen. Its message reads `[code] operation subject: reason (hint)`, so
// that the code shows in every tool. Anything else that is thrown is a bug and ends the process.

export interface OperationalErrorFields {
  /** Stable and upper case, `AREA_CAUSE`: what tools and tests compare. */
  readonly code: string;
  /** What was being done: `read config`, `attach program`. */
  readonly operation: string;
  /** What it was done to: a path, an address, a key. */
  readonly subject?: string;
  readonly reason: string;
  /** What to do next, one imperative sentence. */
  readonly hint?: string;
  /** Whether the same call may succeed later without anybody changing anything. Decided where the error is born. */
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

export class OperationalError extends Error {
  readonly code: string;
  readonly operation: string;
  readonly subject: string | undefined;
  readonly reason: string;
  readonly hint: string | undefined;
  readonly retryable: boolean;

  constructor(fields: OperationalErrorFields) {
    const subject = fields.subject === undefined ? '' : ` ${fields.subject}`;
    const hint = fields.hint === undefined ? '' : ` (${fields.hint})`;
    super(`[${fields.code}] ${fields.operation}${subject}: ${fields.reason}${hint}`, { cause: fields.cause });
    this.name = 'OperationalError';
    this.code = fields.code;
    this.operation = fields.operation;
    this.subject = fields.subject;
    this.reason = fields.reason;
    this.hint = fields.hint;
    this.retryable = fields.retryable ?? false;
  }
}

/** The reason of anything that was thrown, in one line. */
export function reasonOf(thrown: unknown): string {
  if (thrown instanceof OperationalError) return thrown.reason;
  if (thrown instanceof Error) return thrown.message || thrown.name;
  return String(thrown);
}

/** The whole chain of causes, outermost first, each once: for the one place that logs an error. */
export function causeChain(thrown: unknown): string[] {
  const chain: string[] = [];
  for (let at: unknown = thrown; at !== undefined && at !== null; at = at instanceof Error ? at.cause : undefined) {
    chain.push(at instanceof Error ? at.message : String(at));
  }
  return chain;
}
