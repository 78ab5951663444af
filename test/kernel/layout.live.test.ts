// The rows that TypeScript writes against the types that the programs were compiled with, as the object's BTF has them. Needs
// clang, make and bpftool, but no root.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { LAYOUTS } from '../../agent/maps/structs.ts';
import { runCommand } from '../../lab/command.ts';
import { skippedWithout } from '../../lab/installed.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { compileObject } from './room.ts';

const INCLUDE = join(packageRoot(), 'bpf/include');

interface BtfType {
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly members?: readonly { readonly name: string; readonly bits_offset: number }[];
}

describe.skipIf(skippedWithout('clang', 'make', 'bpftool'))('layout', () => {
  test.each(LAYOUTS)('$struct has the size and the offsets that are written', async ({ struct, size, offsets }) => {
    const { types } = JSON.parse(await runCommand('bpftool', ['-j', 'btf', 'dump', 'file', compileObject()]));
    const found = (types as readonly BtfType[]).find(({ kind, name }) => kind === 'STRUCT' && name === struct);
    const members = found?.members?.map(({ name, bits_offset }) => [name, bits_offset / 8]) ?? [];
    expect({ size: found?.size, offsets: Object.fromEntries(members) }).toEqual({ size, offsets });
  });

  test('every type of the programs that has a fixed size is among them', () => {
    const headers = readdirSync(INCLUDE).map((name) => readFileSync(join(INCLUDE, name), 'utf8'));
    const fixed = headers.flatMap((text) => [...text.matchAll(/ASSERT_SIZE\(struct (\w+),/g)].map(([, name]) => name));
    expect(fixed.length).toBeGreaterThan(10);
    expect(LAYOUTS.map(({ struct }) => struct).sort()).toEqual(fixed.sort());
  });
});
