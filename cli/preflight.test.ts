// What a person reads of the checks of a host.

import { expect, test } from 'vitest';
import { renderPreflight } from './preflight.ts';

const helper = (name: string, status: 'passed' | 'failed' | 'unknown', reason?: string) => ({
  id: `helper:${name}`,
  title: `programs may call ${name}`,
  status,
  ...(reason === undefined ? {} : { reason }),
});

const rendered = (...checks: Parameters<typeof renderPreflight>[0]['checks']) =>
  renderPreflight({ schema_version: 1, passed: true, checks }).split('\n');

test('checks of one kind of which the same is to be said are one line, and others stand alone', () => {
  const blind = 'not to be told without capabilities';
  expect(rendered(helper('a', 'unknown', blind), helper('b', 'unknown', blind), helper('c', 'unknown', blind))).toEqual(
    [`unknown  programs may call a, b, c: ${blind}`],
  );
  expect(
    rendered(helper('a', 'passed'), helper('b', 'failed', 'EINVAL'), helper('c', 'passed'), helper('d', 'passed')),
  ).toEqual([
    'passed   programs may call a',
    'failed   programs may call b: EINVAL',
    'passed   programs may call c, d',
  ]);
});
