// Loads a program's configuration: flags over environment over file over defaults, checked by the program's own schema, with
// the source of every value kept for `--print-config`. Unknown keys are an error with their place, since a mistyped setting that is
// silently ignored is the most expensive kind.

import { readFile } from 'node:fs/promises';
import { type Document, isMap, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { OperationalError, reasonOf } from './errors.ts';

export interface ConfigRequest<S extends z.ZodType> {
  readonly schema: S;
  /** YAML or JSON. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** `CLUSTERMESH_` makes `CLUSTERMESH_HTTP__LISTEN` the variable of `http.listen`. */
  readonly envPrefix: string;
  /** `path.to.setting=value`, as given with `--set`. */
  readonly flags: readonly string[];
}

export interface LoadedConfig<T> {
  readonly config: T;
  /** Where each setting was given, by dotted path: leaves and the sections around them. A leaf that is absent here is a default. */
  readonly sources: ReadonlyMap<string, string>;
}

/** Larger files are not configuration but an accident. */
const FILE_BYTES_MAX = 1024 * 1024;
/** Enough for shared settings; aliases of aliases can grow a small file without bound. */
const ALIASES_MAX = 100;

export async function loadConfig<S extends z.ZodType>(request: ConfigRequest<S>): Promise<LoadedConfig<z.infer<S>>> {
  const sources = new Map<string, string>();
  const known = z.toJSONSchema(request.schema, { io: 'input', unrepresentable: 'any' }) as KnownSettings;
  const tree: Tree = request.file === undefined ? {} : await readTree(request.file, sources);
  for (const [name, value] of Object.entries(request.env)) {
    if (!name.startsWith(request.envPrefix) || value === undefined) continue;
    const path = envPath(name.slice(request.envPrefix.length), known);
    assign(tree, path, value, `environment ${name}`, sources);
  }
  for (const flag of request.flags) {
    const at = flag.indexOf('=');
    if (at < 1) throw invalid('--set', `"${flag}" is not of the form path=value`);
    assign(tree, flag.slice(0, at).split('.'), flag.slice(at + 1), '--set', sources);
  }
  const parsed = request.schema.safeParse(tree);
  if (!parsed.success) {
    const lines = parsed.error.issues.flatMap((issue) => problemsOf(issue, tree, sources));
    throw invalid(request.file ?? 'the environment and --set', lines.join('; '));
  }
  return { config: parsed.data, sources };
}

/** One line per leaf, `path = value    # source`, in the order of the schema. */
export function printConfig(loaded: LoadedConfig<unknown>): string {
  const lines: string[] = [];
  walk(loaded.config, [], (path, value) => {
    lines.push(`${path} = ${JSON.stringify(value)}  # ${loaded.sources.get(path) ?? 'default'}`);
  });
  return lines.join('\n');
}

type Tree = { [key: string]: unknown };

/** In words for whoever wrote the file: a mistyped key is told at its own line, and what is absent is called so. */
function problemsOf(issue: z.core.$ZodIssue, tree: Tree, sources: ReadonlyMap<string, string>): readonly string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => problem([...path, key], 'there is no such setting', sources));
  const missing = issue.code === 'invalid_type' && valueAt(tree, path) === undefined;
  return [problem(path, missing ? 'is missing' : issue.message, sources)];
}

function problem(path: readonly string[], reason: string, sources: ReadonlyMap<string, string>): string {
  const dotted = path.join('.');
  const source = nearestSource(dotted, sources);
  return `${dotted === '' ? 'configuration' : dotted}: ${reason}${source === undefined ? '' : ` (from ${source})`}`;
}

const valueAt = (tree: Tree, path: readonly string[]): unknown =>
  path.reduce<unknown>((at, name) => (typeof at === 'object' && at !== null ? (at as Tree)[name] : undefined), tree);

function invalid(subject: string, reason: string, cause?: unknown): OperationalError {
  return new OperationalError({
    code: 'CONFIG_INVALID',
    operation: 'load configuration',
    subject,
    reason,
    hint: 'see the annotated examples in docs/operations.md, or print what is in force with --print-config',
    cause,
  });
}

async function readTree(file: string, sources: Map<string, string>): Promise<Tree> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new OperationalError({
      code: 'CONFIG_UNREADABLE',
      operation: 'load configuration',
      subject: file,
      reason: reasonOf(error),
      hint: 'check the path given with --config and its permissions',
      cause: error,
    });
  }
  if (text.length > FILE_BYTES_MAX) throw invalid(file, `larger than ${FILE_BYTES_MAX} bytes`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true });
  const [first] = document.errors;
  if (first !== undefined) throw invalid(file, first.message.split('\n')[0] ?? 'not YAML', first);
  if (document.contents === null) return {};
  if (!isMap(document.contents)) throw invalid(file, 'the top level is not a mapping');
  recordPlaces(document, lines, file, sources);
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) as Tree;
  } catch (error) {
    throw invalid(file, reasonOf(error), error);
  }
}

function recordPlaces(document: Document, lines: LineCounter, file: string, sources: Map<string, string>): void {
  const visit = (node: unknown, path: readonly string[]): void => {
    if (!isMap(node)) return;
    for (const item of node.items) {
      if (!isPair(item) || !isScalar(item.key)) continue;
      const at = [...path, String(item.key.value)];
      sources.set(at.join('.'), `${file}:${lines.linePos(item.key.range?.[0] ?? 0).line}`);
      visit(item.value, at);
    }
  };
  visit(document.contents, []);
}

interface KnownSettings {
  readonly properties?: Readonly<Record<string, KnownSettings>>;
}

/** `HTTP__LISTEN` is http.listen, `CLUSTER__POD_CIDRS` is cluster.podCIDRs: case and `_` inside a name do not count. */
function envPath(name: string, known: KnownSettings): string[] {
  let at: KnownSettings | undefined = known;
  return name.split('__').map((part) => {
    const plain = part.replaceAll('_', '').toLowerCase();
    const setting = Object.keys(at?.properties ?? {}).find((key) => key.toLowerCase() === plain) ?? plain;
    at = at?.properties?.[setting];
    return setting;
  });
}

function assign(tree: Tree, path: readonly string[], text: string, source: string, sources: Map<string, string>): void {
  const document = parseDocument(text);
  const value: unknown = document.errors.length > 0 ? text : document.toJS();
  let at = tree;
  for (const name of path.slice(0, -1)) {
    const next = Object.hasOwn(at, name) ? at[name] : undefined;
    const child = isTree(next) ? next : {};
    put(at, name, child);
    at = child;
  }
  put(at, path.at(-1) ?? '', value);
  recordSource(path.join('.'), value, source, sources);
}

/** As a property of its own, so that a setting called `__proto__` is one that does not exist, and nothing else. */
function put(tree: Tree, name: string, value: unknown): void {
  Object.defineProperty(tree, name, { value, enumerable: true, configurable: true, writable: true });
}

/** A section that is given whole replaces the one before with all that was in it. */
function recordSource(path: string, value: unknown, source: string, sources: Map<string, string>): void {
  for (const known of sources.keys()) if (known.startsWith(`${path}.`)) sources.delete(known);
  sources.set(path, source);
  if (isTree(value))
    for (const [name, child] of Object.entries(value)) recordSource(`${path}.${name}`, child, source, sources);
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of the setting itself, or of the section that it should be in. */
function nearestSource(path: string, sources: ReadonlyMap<string, string>): string | undefined {
  for (let at = path; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const source = sources.get(at);
    if (source !== undefined) return source;
  }
  return undefined;
}

function walk(value: unknown, path: readonly string[], leaf: (path: string, value: unknown) => void): void {
  if (isTree(value)) {
    for (const [key, child] of Object.entries(value)) walk(child, [...path, key], leaf);
  } else if (value !== undefined) leaf(path.join('.'), value);
}
