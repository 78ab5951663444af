// The directions of imports and the purity of the pure folders. Directions, not taste: file sizes and names are for the
// reviewer's eye. Each rule says why it exists, so that whoever breaks it can judge whether the rule or the code is wrong.

import { describe, expect, test } from 'vitest';
import { isTest, readSources, type SourceFile } from './imports.ts';

const sources = readSources();
const production = sources.filter(({ path }) => !isTest(path) && !path.startsWith('test/'));
const folderOf = (path: string) => path.split('/')[0] ?? '';

/** Which top folders a folder may import, besides itself. */
const ALLOWED: Readonly<Record<string, { readonly imports: readonly string[]; readonly why: string }>> = {
  mesh: { imports: [], why: 'what a mesh is must be understandable, and testable, without how it runs' },
  runtime: { imports: [], why: 'the machinery serves every program, so it may know none' },
  pki: { imports: ['mesh', 'runtime'], why: 'trust is used by several programs and uses none' },
  apiserver: { imports: ['mesh', 'runtime', 'pki'], why: 'programs meet on the wire, never in memory' },
  agent: { imports: ['mesh', 'runtime'], why: 'programs meet on the wire, never in memory' },
  cli: {
    imports: ['mesh', 'runtime', 'pki', 'apiserver', 'agent'],
    why: 'the command starts programs and reads their HTTP',
  },
  lab: { imports: ['mesh', 'runtime', 'pki'], why: 'the lab runs the built programs as a user would, as processes' },
  demo: { imports: ['mesh', 'runtime', 'pki', 'lab', 'agent'], why: 'the demo drives the lab' },
  bench: { imports: ['mesh', 'runtime', 'pki', 'lab', 'agent', 'apiserver'], why: 'a benchmark measures parts' },
};

/** What a pure folder may not touch, because its result would depend on when and where it runs. */
const IMPURE = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bMath\.random\b/,
  /\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/,
  /\bprocess\./,
  /\bconsole\./,
  /from 'node:(fs|net|http|child_process|os|worker_threads|dgram|tls|timers)/,
];

/** Pure folders: all of mesh/, and the parts of the programs that only decide. */
const PURE = [/^mesh\//, /^agent\/desired\//, /^apiserver\/publisher\/convert\//];

/** Adapters to the outside, and who may name them besides their own folder. */
const ADAPTERS: readonly { readonly adapter: RegExp; readonly users: RegExp; readonly why: string }[] = [
  {
    adapter: /^apiserver\/store\/etcd-client\.ts$/,
    users: /^apiserver\/(store\/|peers\/door-client\.ts|own-etcd\.ts|main\.ts|app\.ts)|^(bench|lab)\//,
    why: 'everything else speaks to the Store port, so that it runs on a memory store in tests',
  },
  {
    adapter: /^agent\/datapath\//,
    users: /^agent\/(datapath\/|preflight\/|main\.ts|app\.ts)|^(cli|bench|demo)\//,
    why: 'everything else speaks to the map port, so that it runs without a kernel in tests',
  },
  {
    adapter: /^agent\/sockets\/kernel\//,
    users: /^agent\/(sockets\/kernel\/|preflight\/|main\.ts)/,
    why: 'everything else speaks to the ports of sockets, so that no test of a decision needs a kernel',
  },
  {
    adapter: /^(agent\/maps\/memory|apiserver\/store\/memory-store)\.ts$/,
    users: /^agent\/main\.ts$|^agent\/maps\/memory\.ts$|^apiserver\/store\/memory-store\.ts$/,
    why: 'a stand-in is chosen where a program is composed, and nowhere else',
  },
];

const say = (file: SourceFile, target: string, why: string) => `${file.path} imports ${target}: ${why}`;

describe('imports', () => {
  test.each(Object.entries(ALLOWED))('%s imports only what it may', (folder, { imports, why }) => {
    const wrong = production
      .filter(({ path }) => folderOf(path) === folder)
      .flatMap((file) =>
        file.imports
          .filter(
            (target) => target.endsWith('.ts') && folderOf(target) !== folder && !imports.includes(folderOf(target)),
          )
          .map((target) => say(file, target, why)),
      );
    expect(wrong).toEqual([]);
  });

  test('every top folder has its rule', () => {
    const unknown = new Set(production.map(({ path }) => folderOf(path)).filter((folder) => !(folder in ALLOWED)));
    expect([...unknown]).toEqual([]);
  });

  test.each(ADAPTERS.map((rule) => [String(rule.adapter), rule] as const))(
    '%s is named only where it may be',
    (_, rule) => {
      expect(sources.some(({ path }) => rule.adapter.test(path))).toBe(true);
      const wrong = production
        .filter(({ path }) => !rule.users.test(path))
        .flatMap((file) =>
          file.imports.filter((target) => rule.adapter.test(target)).map((t) => say(file, t, rule.why)),
        );
      expect(wrong).toEqual([]);
    },
  );

  test('there is no cycle', () => {
    const graph = new Map(
      production.map((file) => [file.path, file.imports.filter((target) => target.endsWith('.ts'))]),
    );
    expect(findCycle(graph)).toEqual([]);
  });

  test('production code imports no test library', () => {
    const wrong = production.flatMap((file) =>
      file.imports
        .filter((target) => ['vitest', 'fast-check'].includes(target))
        .map((target) => `${file.path}: ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('purity', () => {
  test('pure folders depend on their input alone', () => {
    const wrong = production
      .filter(({ path }) => PURE.some((folder) => folder.test(path)))
      .flatMap(({ path, text }) =>
        IMPURE.filter((banned) => banned.test(withoutComments(text))).map((banned) => `${path} uses ${banned}`),
      );
    expect(wrong).toEqual([]);
  });
});

describe('names', () => {
  test('no file is named for nothing', () => {
    const empty = /(^|\/)(utils?|helpers?|common|misc|shared|manager)(\/|\.)/;
    expect(sources.map(({ path }) => path).filter((path) => empty.test(path))).toEqual([]);
  });
});

const withoutComments = (text: string) => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '');

/** The files of one cycle, in order; empty when there is none. */
function findCycle(graph: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): readonly string[] => {
    if (done.has(path)) return [];
    const at = trail.indexOf(path);
    if (at >= 0) return [...trail.slice(at), path];
    trail.push(path);
    for (const target of graph.get(path) ?? []) {
      const cycle = visit(target);
      if (cycle.length > 0) return cycle;
    }
    trail.pop();
    done.add(path);
    return [];
  };
  for (const path of graph.keys()) {
    const cycle = visit(path);
    if (cycle.length > 0) return cycle;
  }
  return [];
}
