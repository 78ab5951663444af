// A report for whoever asks again and again, as scrapers do: drawing one takes long in a large mesh, and nothing else happens
// meanwhile. It is drawn anew once it is so many times as old as drawing it took, which in a small mesh is at once.

import type { Clock } from '../../runtime/clock.ts';

/** Then drawing takes at most a hundredth of the process. */
const AGE_PER_DRAWING = 100;
const AGE_MS_MAX = 30_000;

export function recentReport<Report>(draw: () => Report, clock: Pick<Clock, 'monotonic'>): () => Report {
  let last: { readonly report: Report; readonly until: number } | undefined;
  return () => {
    const begunAt = clock.monotonic();
    if (last !== undefined && begunAt < last.until) return last.report;
    const report = draw();
    const drawnAt = clock.monotonic();
    last = { report, until: drawnAt + Math.min(AGE_MS_MAX, AGE_PER_DRAWING * (drawnAt - begunAt)) };
    return report;
  };
}
