// A cursor over a parsed document: reads one field at a time, says in words what is wrong with it, and where. An absent field,
// null and an empty text are the same, as in Kubernetes' API. Reading goes on behind a mistake, so that all of them are reported at once.

import { parseAddress } from '../../../mesh/model/address.ts';
import type { IpAddress } from '../../../mesh/model/names.ts';
import { PROTOCOLS, type Protocol } from '../../../mesh/model/service.ts';
import type { TextMap } from '../objects.ts';
import type { SourceProblemCode } from '../port.ts';

export type FieldPath = readonly (string | number)[];

export interface FieldProblem {
  readonly severity: 'error' | 'warning';
  readonly code: SourceProblemCode;
  readonly path: FieldPath;
  readonly reason: string;
  readonly hint?: string;
}

const TYPE_NAMES: Readonly<Record<string, string>> = { string: 'a text', number: 'a number', boolean: 'true or false' };
const PORT_MAX = 65_535;

export class Fields {
  readonly path: FieldPath;
  readonly #value: unknown;
  readonly #problems: FieldProblem[];

  constructor(value: unknown, path: FieldPath, problems: FieldProblem[]) {
    this.path = path;
    this.#value = value;
    this.#problems = problems;
  }

  get value(): unknown {
    return this.#value;
  }

  get absent(): boolean {
    return this.#value === undefined || this.#value === null || this.#value === '';
  }

  at(name: string): Fields {
    const inside = isMap(this.#value) && Object.hasOwn(this.#value, name) ? this.#value[name] : undefined;
    return new Fields(inside, [...this.path, name], this.#problems);
  }

  /** The fields of a map; says so when there is something else. */
  map(): Fields {
    if (!this.absent && !isMap(this.#value)) this.#mistyped('a map');
    return this;
  }

  items(): readonly Fields[] {
    if (this.absent) return [];
    if (!Array.isArray(this.#value)) {
      this.#mistyped('a list');
      return [];
    }
    return this.#value.map((item, index) => new Fields(item, [...this.path, index], this.#problems));
  }

  text(): string | undefined {
    return this.#primitive('string', typeof this.#value === 'string' ? this.#value : undefined);
  }

  requiredText(): string {
    const text = this.text();
    if (this.absent) this.fail('is missing');
    return text ?? '';
  }

  flag(): boolean | undefined {
    return this.#primitive('boolean', typeof this.#value === 'boolean' ? this.#value : undefined);
  }

  /** A port number; 0 stands for one that is wrong, which has been reported. */
  port(): number {
    const port = this.#primitive('number', typeof this.#value === 'number' ? this.#value : undefined);
    if (this.absent) this.fail('is missing');
    if (port === undefined) return 0;
    if (Number.isInteger(port) && port >= 1 && port <= PORT_MAX) return port;
    this.fail(`${port} is not a port number`, `use a whole number from 1 to ${PORT_MAX}`);
    return 0;
  }

  /** Absent where it is, and where it is something else, which has been reported. */
  whole(min: number, max: number): number | undefined {
    const number = this.#primitive('number', typeof this.#value === 'number' ? this.#value : undefined);
    if (number === undefined || (Number.isInteger(number) && number >= min && number <= max)) return number;
    this.fail(`${number} is out of range`, `use a whole number from ${min} to ${max}`);
    return undefined;
  }

  protocol(): Protocol {
    const text = this.text() ?? 'TCP';
    const protocol = PROTOCOLS.find((known) => known === text);
    if (protocol === undefined) this.fail(`"${text}" is not TCP, UDP or SCTP`);
    return protocol ?? 'TCP';
  }

  address(): IpAddress | undefined {
    const text = this.text();
    if (text === undefined || text === '') return undefined;
    const address = parseAddress(text);
    if (address.ok) return address.value;
    this.fail(`"${text}" is not an IP address: ${address.error}`);
    return undefined;
  }

  textMap(): TextMap {
    if (this.absent) return {};
    if (!isMap(this.#value)) {
      this.#mistyped('a map');
      return {};
    }
    const texts: Record<string, string> = {};
    for (const name of Object.keys(this.#value).sort()) {
      const text = this.at(name).text();
      if (text !== undefined) texts[name] = text;
    }
    return texts;
  }

  fail(reason: string, hint?: string, code: SourceProblemCode = 'SOURCE_FIELD'): void {
    this.#report('error', code, reason, hint);
  }

  warn(reason: string, hint?: string, code: SourceProblemCode = 'SOURCE_FIELD'): void {
    this.#report('warning', code, reason, hint);
  }

  #primitive<T>(wanted: 'string' | 'number' | 'boolean', value: T | undefined): T | undefined {
    if (value === undefined && !this.absent) this.#mistyped(TYPE_NAMES[wanted] ?? wanted, wanted === 'string');
    return value;
  }

  #mistyped(wanted: string, quotable = false): void {
    const scalar = typeof this.#value === 'number' || typeof this.#value === 'boolean';
    const hint = quotable && scalar ? `put it in quotes: "${String(this.#value)}"` : undefined;
    this.fail(`is ${nameOf(this.#value)} and must be ${wanted}`, hint);
  }

  #report(severity: 'error' | 'warning', code: SourceProblemCode, reason: string, hint: string | undefined): void {
    this.#problems.push({ severity, code, path: this.path, reason, ...(hint === undefined ? {} : { hint }) });
  }
}

/** `spec.ports[0].port` */
export function pathText(path: FieldPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[\w-]+$/.test(part)) return `${text}["${part}"]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function nameOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map';
  return TYPE_NAMES[typeof value] ?? typeof value;
}
