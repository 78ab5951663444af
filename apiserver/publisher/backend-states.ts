// Which backends of one service its peers are told of, kept current slice by slice. A record for peers says nothing of states, and
// its readers take every backend for a live one. So a terminating backend is left out, and gets no new connections from peers,
// for as long as another one is active (KEP-1669, as seen from the peers). An address that any slice calls active is active.
//
// That makes what is published of one slice depend on the others, but seldom: a change says of which.

import type { IpAddress } from '../../mesh/model/names.ts';
import type { BackendState } from '../../mesh/model/service.ts';
import type { EndpointSliceObject } from '../sources/objects.ts';
import { statesOf } from './convert/service.ts';

type Slice = Pick<EndpointSliceObject, 'name' | 'endpoints'>;
type States = ReadonlyMap<IpAddress, BackendState>;

interface Mentions {
  readonly slices: Set<string>;
  /** How many of them call it active. */
  active: number;
}

export class BackendStates {
  readonly #bySlice = new Map<string, States>();
  readonly #mentions = new Map<IpAddress, Mentions>();
  /** Addresses that are active. */
  #active = 0;

  static of(slices: Iterable<Slice>): BackendStates {
    const states = new BackendStates();
    for (const slice of slices) states.set(slice.name, slice);
    return states;
  }

  /** Backends, published or not. */
  get size(): number {
    return this.#mentions.size;
  }

  /** Names of the slices that name backends. */
  get slices(): Iterable<string> {
    return this.#bySlice.keys();
  }

  isPublished(address: IpAddress): boolean {
    const mentions = this.#mentions.get(address);
    return mentions !== undefined && (mentions.active > 0 || this.#active === 0);
  }

  /** Takes in what a slice says now, undefined when it is gone. Gives the other slices of which other backends are published now. */
  set(name: string, slice: Slice | undefined): ReadonlySet<string> {
    const before = this.#bySlice.get(name) ?? NONE;
    const after = slice === undefined ? NONE : statesOf(slice);
    if (after.size === 0) this.#bySlice.delete(name);
    else this.#bySlice.set(name, after);
    const hadActive = this.#active > 0;
    const others = new Set<string>();
    const mention = (address: IpAddress) => {
      for (const other of this.#mention(address, name, before.get(address), after.get(address))) others.add(other);
    };
    for (const address of before.keys()) mention(address);
    for (const address of after.keys()) if (!before.has(address)) mention(address);
    if (hadActive !== this.#active > 0) for (const other of this.#bySlice.keys()) others.add(other);
    others.delete(name);
    return others;
  }

  /** Gives the slices that name the address when it has become active or ceased to be. */
  #mention(
    address: IpAddress,
    slice: string,
    before: BackendState | undefined,
    after: BackendState | undefined,
  ): Iterable<string> {
    if (before === after) return [];
    const mentions = this.#mentions.get(address) ?? { slices: new Set(), active: 0 };
    const wasActive = mentions.active > 0;
    mentions.active += Number(after === 'active') - Number(before === 'active');
    if (after === undefined) mentions.slices.delete(slice);
    else mentions.slices.add(slice);
    if (mentions.slices.size === 0) this.#mentions.delete(address);
    else this.#mentions.set(address, mentions);
    const isActive = mentions.active > 0;
    this.#active += Number(isActive) - Number(wasActive);
    return wasActive === isActive ? [] : mentions.slices;
  }
}

const NONE: States = new Map();
