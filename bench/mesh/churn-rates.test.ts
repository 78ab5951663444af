import { describe, expect, test } from 'vitest';
import { parseRates, totalRate, USUAL_RATES } from './churn-rates.ts';

describe('rates of churn', () => {
  test('the usual ones are those of the reference', () => expect(totalRate(USUAL_RATES)).toBe(325));

  test('those that are named take the place of the usual ones', () => {
    expect(parseRates('nodes=0,services=2.5', USUAL_RATES)).toEqual({ ...USUAL_RATES, nodes: 0, services: 2.5 });
  });

  test.each([
    ['', /nothing is no kind/],
    ['pods=3', /pods is no kind of record: endpoints, nodes, identities, services/],
    ['nodes', /nodes is not of the form nodes=N/],
    ['nodes=-1', /not of the form/],
    ['nodes=1=2', /not of the form/],
    ['nodes=1,nodes=2', /named twice/],
    ['endpoints=90000', /more than 20000/],
  ])('%j is refused', (text, reason) => expect(parseRates(text, USUAL_RATES)).toMatch(reason));
});
