// How long after a start it is taken for granted that everything has been looked at again: peers are connected, listed and judged, or have
// been silent for long enough to be found stale. Before that, what is not there is not gone, and what is free may be taken.

export const SETTLED_AFTER_MS = 5 * 60_000;
