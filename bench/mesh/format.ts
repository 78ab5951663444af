// How figures of a report are written. Pure.

import type { Figures } from '../propagation/moments.ts';

export const rounded = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en') : value.toFixed(value >= 10 ? 1 : 2);

export const ms = (value: number): string =>
  value >= 1_000 ? `${(value / 1_000).toFixed(1)} s` : `${rounded(value)} ms`;

export const spread = ({ count, p50, p95, p99, max }: Figures): string =>
  `p50 ${ms(p50)}, p95 ${ms(p95)}, p99 ${ms(p99)}, at most ${ms(max)} (${count})`;

export const bytes = (value: number): string => {
  if (value >= 2 ** 30) return `${(value / 2 ** 30).toFixed(1)} GiB`;
  if (value >= 2 ** 20) return `${rounded(value / 2 ** 20)} MiB`;
  if (value >= 100 * 2 ** 10) return `${rounded(value / 2 ** 10)} KiB`;
  return `${Math.round(value).toLocaleString('en')} B`;
};
