import { expect, test } from 'vitest';
import { coloursFor } from './colours.ts';

test.each([
  ['a terminal', { isTTY: true }, {}, true],
  ['a pipe', {}, { CI: 'true', FORCE_COLOR: '1' }, false],
  ['a terminal whose user wants none', { isTTY: true }, { NO_COLOR: '1' }, false],
  ['a dumb terminal', { isTTY: true }, { TERM: 'dumb' }, false],
])('%s', (_, stream, env, coloured) => {
  expect(coloursFor(stream, env).red('x') !== 'x').toBe(coloured);
});
