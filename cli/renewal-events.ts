// What a renewer that runs says, one line for each thing that changed: a leaf that was renewed, one that could not be, and what
// stands in the way of all renewals. What goes on unchanged is said once. Pure.

import { counted } from '../mesh/model/counted.ts';
import type { RenewalFailure } from '../pki/renew/leaf-folder.ts';
import type { RenewalReport } from '../pki/renew/renewer.ts';
import type { RoundEntry } from '../pki/renew/round.ts';
import { renewAt } from '../pki/renew/schedule.ts';
import { type LeafState, leafOwner, leafState } from '../pki/renew/standing.ts';

export type RenewalEvent =
  | { readonly event: 'watching'; readonly leaves: number; readonly next_due: string | null }
  | { readonly event: 'renewed'; readonly for: string; readonly certificate: string; readonly valid_to: string | null }
  | ({ readonly event: 'failed' } & Explained & {
        readonly for: string;
        readonly certificate: string;
        readonly state: LeafState;
        readonly valid_to: string | null;
      })
  | ({ readonly event: 'obstructed' } & Explained)
  | { readonly event: 'unobstructed' }
  | { readonly event: 'carried'; readonly command: string }
  | ({ readonly event: 'not_carried' } & Explained & { readonly command: string });

interface Explained {
  readonly reason: string;
  readonly remedy: string;
}

/** Remembers what it has said last of each fault. */
export class RenewalEvents {
  readonly #failures = new Map<string, string>();
  #obstacle: string | undefined;
  #begun = false;

  of(report: RenewalReport): readonly RenewalEvent[] {
    const { entries, obstacle, at } = report;
    const events = [...this.#obstacleEvents(obstacle), ...entries.flatMap((entry) => this.#entryEvents(entry, at))];
    if (this.#begun || entries.length === 0) return events;
    this.#begun = true;
    return [...events, { event: 'watching', leaves: entries.length, next_due: nextDue(entries) }];
  }

  #obstacleEvents(obstacle: RenewalFailure | undefined): readonly RenewalEvent[] {
    const before = this.#obstacle;
    this.#obstacle = obstacle?.reason;
    if (obstacle?.reason === before) return [];
    return obstacle === undefined ? [{ event: 'unobstructed' }] : [{ event: 'obstructed', ...explained(obstacle) }];
  }

  #entryEvents({ leaf, action, failure }: RoundEntry, at: number): readonly RenewalEvent[] {
    const { cert } = leaf.place.paths;
    const named = { for: leafOwner(leaf.place), certificate: cert, valid_to: validTo(leaf.certificate?.validTo) };
    const state = leafState(leaf, at);
    // Said again when it gets worse.
    const said = failure === undefined ? undefined : `${state} ${failure.reason}`;
    const before = this.#failures.get(cert);
    if (said === undefined) this.#failures.delete(cert);
    else this.#failures.set(cert, said);
    if (action === 'renewed') return [{ event: 'renewed', ...named }];
    if (failure === undefined || said === before) return [];
    return [{ event: 'failed', ...named, state, ...explained(failure) }];
  }
}

export function eventText(event: RenewalEvent): string {
  switch (event.event) {
    case 'watching': {
      const next = event.next_due === null ? '' : `, the next is due at ${event.next_due}`;
      return `keeping ${counted(event.leaves, 'certificate')} renewed${next}`;
    }
    case 'renewed':
      return `renewed ${event.for}: valid to ${event.valid_to}`;
    case 'failed':
      return `NOT renewed ${event.for} (${event.state}, valid to ${event.valid_to ?? '?'}): ${event.reason}; fix: ${event.remedy}`;
    case 'obstructed':
      return `nothing can be renewed: ${event.reason}; fix: ${event.remedy}`;
    case 'unobstructed':
      return 'renewals are possible again';
    case 'carried':
      return `succeeded: ${event.command}`;
    case 'not_carried':
      return `FAILED: ${event.command}: ${event.reason}; fix: ${event.remedy}`;
    default:
      return event satisfies never;
  }
}

const explained = ({ reason, hint }: RenewalFailure): Explained => ({ reason, remedy: hint });

const validTo = (text: string | undefined): string | null => (text === undefined ? null : new Date(text).toISOString());

function nextDue(entries: readonly RoundEntry[]): string | null {
  const times = entries.map(({ leaf }) => renewAt(leaf, 0)).filter(Number.isFinite);
  return times.length === 0 ? null : new Date(Math.min(...times)).toISOString();
}
