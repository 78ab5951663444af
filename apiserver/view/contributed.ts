// What one remote cluster has behind one service, as its records stand here: the whole service in one of them, or its head and its
// slices (docs/decisions/0013). Which of the two forms counts is the reader's to say; only that one is made a value, when it is asked for,
// and a slice that did not change is not looked at again.

import { itemsOf } from '../../mesh/model/list.ts';
import type { ClusterId } from '../../mesh/model/names.ts';
import type { Backend, RemoteService } from '../../mesh/model/service.ts';
import type { PortLists } from '../../mesh/snapshot/port-lists.ts';
import { type Contribution, type Head, readContribution } from './records.ts';
import { UnitedSlices } from './united-slices.ts';

/** Pieces count where there is a head, or the whole service does where there is one; what does not count stands in for what is absent. */
export type Form = 'pieces' | 'whole';

const NO_BACKENDS: readonly Backend[] = [];

export class Contributed {
  readonly #ports: PortLists;
  readonly #slices: UnitedSlices;
  #head: Head | undefined;
  /** As it came, for as long as nobody asks for it. */
  #unread: Uint8Array | undefined;
  #whole: Contribution | undefined;
  #pieces: Contribution | undefined;
  /** As it was last merged. */
  #remote: { readonly of: Contribution; readonly as: RemoteService } | undefined;

  constructor(ports: PortLists) {
    this.#ports = ports;
    this.#slices = new UnitedSlices(ports);
  }

  get isEmpty(): boolean {
    return this.#head === undefined && this.#unread === undefined && this.#whole === undefined && this.#slices.isEmpty;
  }

  /** As one of its records has it that stands for a service. */
  get clusterId(): ClusterId | undefined {
    return this.#head?.clusterId ?? this.#whole?.clusterId;
  }

  /** What is known to stand in the whole service, so that what is new of it can share that. */
  get backends(): readonly Backend[] {
    return itemsOf(this.#whole?.backends ?? this.#pieces?.backends ?? NO_BACKENDS);
  }

  hides(form: Form): boolean {
    return form === 'pieces' && this.#head !== undefined;
  }

  slice(name: string): readonly Backend[] {
    return this.#slices.slice(name);
  }

  setWhole(whole: Contribution | undefined): void {
    this.#whole = whole;
    this.#unread = undefined;
  }

  /** A whole service that does not count. Whoever wrote it has read it, and it is read once more only if it comes to count. */
  setUnread(bytes: Uint8Array): void {
    this.#whole = undefined;
    this.#unread = bytes;
  }

  setHead(head: Head | undefined): void {
    this.#head = head;
    this.#pieces = undefined;
  }

  setSlice(name: string, backends: readonly Backend[] | undefined): void {
    this.#slices.set(name, backends);
    this.#pieces = undefined;
  }

  value(form: Form): Contribution | undefined {
    if (form === 'pieces') return this.#fromPieces() ?? this.#fromWhole();
    return this.#fromWhole() ?? this.#fromPieces();
  }

  /** What the last merge took of it; undefined where that was nothing. */
  get merged(): RemoteService | undefined {
    return this.#remote?.as;
  }

  /** The value as the merge takes it: the same object for as long as it says the same. */
  remote(form: Form, fresh: boolean): RemoteService | undefined {
    const value = this.value(form);
    if (value === undefined) this.#remote = undefined;
    else if (this.#remote?.of !== value || this.#remote.as.fresh !== fresh) {
      this.#remote = { of: value, as: { ...value, fresh } };
    }
    return this.#remote?.as;
  }

  #fromPieces(): Contribution | undefined {
    if (this.#pieces !== undefined || this.#head === undefined) return this.#pieces;
    this.#pieces = { ...this.#head, backends: this.#slices.backends };
    return this.#pieces;
  }

  #fromWhole(): Contribution | undefined {
    if (this.#unread === undefined) return this.#whole;
    const read = readContribution(this.#unread, {
      backends: itemsOf(this.#pieces?.backends ?? NO_BACKENDS),
      ports: this.#ports,
    });
    this.setWhole(read.ok ? read.value : undefined);
    return this.#whole;
  }
}
