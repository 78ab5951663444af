import { expect, test } from 'vitest';
import { metricSamples } from './exposition.ts';

const TEXT = [
  '# HELP queue_depth what waits',
  '# TYPE queue_depth gauge',
  'queue_depth{queue="reflect"} 12',
  'queue_depth{queue="a \\"b\\"",peer="east"} 1.5e3',
  'queue_depth_total 9',
  'leader 1',
].join('\n');

test('finds the samples of one metric, and not of one that is named alike', () => {
  expect(metricSamples(TEXT, 'queue_depth')).toEqual([
    { labels: { queue: 'reflect' }, value: 12 },
    { labels: { queue: 'a \\"b\\"', peer: 'east' }, value: 1500 },
  ]);
  expect(metricSamples(TEXT, 'leader')).toEqual([{ labels: {}, value: 1 }]);
  expect(metricSamples(TEXT, 'nothing')).toEqual([]);
});
