// Where connects are timed: a network namespace with the backends, a way to the services' addresses, and one balancer or none. A
// namespace for each balancer, since rules of one are passed by the packets of all.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../../lab/command.ts';
import { configureNetns, createNetns, deleteNetns } from '../../lab/netns.ts';
import { type CommandLine, commandAt, type Place } from '../../lab/place.ts';
import { packageRoot } from '../../runtime/package-root.ts';
import { ADDRESSES, BACKEND_PORT, VIP_RANGE } from './services.ts';

export interface Latency {
  readonly p50: number;
  readonly p99: number;
}

/** Source of every connection: an address that is no backend's. */
const OWN = '10.1.0.99';
/** struct record in test/kernel/hammer.c. */
const RECORD_BYTES = 24;

export class Arena {
  readonly netns: string;
  readonly #dir: string;
  #backends: ChildProcess | undefined;

  constructor(netns: string, dir: string) {
    this.netns = netns;
    this.#dir = dir;
  }

  async open(): Promise<void> {
    await createNetns(this.netns);
    await configureNetns(this.netns, [
      ...[...ADDRESSES, OWN].map((address) => `addr add ${address}/32 dev lo`),
      `route add ${VIP_RANGE} dev lo src ${OWN}`,
    ]);
    const endpoints = ADDRESSES.map((address) => `${address}:${BACKEND_PORT}`);
    const line = commandAt(
      { netns: this.netns },
      onOneProcessor(...waitingItsTurn(this.#compile('answer'), endpoints)),
    );
    this.#backends = spawn(line.command, line.args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.#backends.stdout !== null) await once(this.#backends.stdout, 'data');
  }

  async close(): Promise<void> {
    this.#backends?.kill('SIGKILL');
    await deleteNetns(this.netns);
  }

  /** Loads rules; rejects where the tool does not take them. */
  async load(command: string, args: readonly string[], rules: string): Promise<void> {
    const line = commandAt({ netns: this.netns }, { command, args });
    await runCommand(line.command, line.args, rules);
  }

  /** Of new TCP connections, one after the other, in microseconds. */
  async time(place: Place, address: string, port: number, times: number): Promise<Latency> {
    const file = join(this.#dir, 'records');
    const args = ['tcp', address, String(port), String(times), file];
    const line = commandAt({ ...place, netns: this.netns }, onOneProcessor(this.#compile('hammer'), args));
    await runCommand(line.command, line.args);
    const records = readFileSync(file);
    const took: number[] = [];
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const error = records.readUInt32LE(at + 20);
      if (error !== 0) throw new Error(`connect to ${address} in ${this.netns}: errno ${error}`);
      took.push(Number(records.readBigInt64LE(at + 8) - records.readBigInt64LE(at)) / 1_000);
    }
    took.sort((a, b) => a - b);
    const quantile = (share: number) => took[Math.floor(took.length * share)] ?? Number.NaN;
    return { p50: quantile(0.5), p99: quantile(0.99) };
  }

  #compile(name: string): string {
    const out = join(this.#dir, name);
    execFileSync('clang', ['-O2', '-o', out, join(packageRoot(), 'test/kernel', `${name}.c`)]);
    return out;
  }
}

/**
 * A server that is woken by a connect and runs at once has the client wait for its accept, which is as much again as the connect; by the
 * scheduler's choice that is in all figures, in none, or in one of two that are compared. One of SCHED_BATCH runs when the client waits
 * for its answer, which is not timed.
 */
const waitingItsTurn = (command: string, args: readonly string[]): readonly [string, readonly string[]] => [
  'chrt',
  ['--batch', '0', command, ...args],
];

/**
 * Client and backends share a processor: waking one that sleeps costs as much as all the rest of a connect, and whether it sleeps
 * depends on what else the machine does.
 */
const onOneProcessor = (command: string, args: readonly string[]): CommandLine => ({
  command: 'taskset',
  args: ['-c', '0', command, ...args],
});
