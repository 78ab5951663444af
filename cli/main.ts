#!/usr/bin/env node
// Where the command starts: picks the entry that has the subcommand asked for, as the build bundled it, or from its modules where
// nothing was bundled. A program is an entry of its own, because an agent that starts again is to be there soon, and most of
// what there is to load is not for it.

import { fileURLToPath } from 'node:url';
import { loadBundle } from '../runtime/bundle.ts';

interface Entry {
  /** Carries out this process's arguments; resolves with its exit code. */
  main(): Promise<number>;
}

async function entryOf(subcommand: string | undefined): Promise<Entry> {
  switch (subcommand) {
    case 'agent':
      return bundled('agent') ?? (await import('./entries/agent.ts'));
    case 'apiserver':
      return bundled('apiserver') ?? (await import('./entries/apiserver.ts'));
    default:
      return bundled('every') ?? (await import('./entries/every.ts'));
  }
}

/** Made by scripts/bundle.mjs, in dist/ alone. */
const bundled = (entry: string) =>
  loadBundle<Entry>(fileURLToPath(new URL(`../bundles/${entry}/bundle.cjs`, import.meta.url)));

process.exitCode = await (await entryOf(process.argv[2])).main();
