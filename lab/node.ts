// A node of the lab: a place of its own, and the agent in it. Stopping or killing the agent leaves what is in the kernel.

import { join } from 'node:path';
import { answersOk } from './http.ts';
import type { LabProcess, StartProcess } from './process.ts';
import { programLine } from './programs.ts';
import type { NodePlace } from './underlay.ts';

export interface LabNodeDeps {
  readonly at: NodePlace;
  readonly configFile: string;
  readonly socket: string;
  readonly logs: string;
  readonly start: StartProcess;
}

/** Loading the programs takes milliseconds; a first snapshot needs the API server, which may be starting too. */
const READY_TIMEOUT_MS = 60_000;

export class LabNode {
  readonly at: NodePlace;
  readonly socket: string;
  readonly logFile: string;
  readonly #deps: LabNodeDeps;
  #agent: LabProcess | undefined;

  constructor(deps: LabNodeDeps) {
    this.at = deps.at;
    this.socket = deps.socket;
    this.logFile = join(deps.logs, `agent-${deps.at.plan.name}.log`);
    this.#deps = deps;
  }

  get name(): string {
    return this.at.plan.name;
  }

  get agent(): LabProcess | undefined {
    return this.#agent;
  }

  async startAgent(): Promise<LabProcess> {
    this.#agent = await this.#deps.start({
      ...programLine('cli/main', ['agent', '--config', this.#deps.configFile]),
      name: `agent ${this.name}`,
      place: this.at.place,
      logFile: this.logFile,
    });
    return this.#agent;
  }

  /** Its maps hold what the mesh says. */
  async agentReady(signal?: AbortSignal): Promise<void> {
    await this.#agent?.untilReady(() => answersOk(this.socket, '/readyz'), READY_TIMEOUT_MS, signal);
  }

  async stopAgent(): Promise<void> {
    await this.#agent?.stop();
  }
}
