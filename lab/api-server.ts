// One mesh API server of a cluster of the lab. It keeps its addresses over a stop, a kill and another start; what it says of
// itself is read over its socket.

import { join } from 'node:path';
import type { Report } from '../mesh/conflict/report.ts';
import { answersOk, getJsonOver } from './http.ts';
import type { ObservedServices, ObservedStatus } from './observed.ts';
import type { Place } from './place.ts';
import type { LabProcess, StartProcess } from './process.ts';
import { programLine } from './programs.ts';

export interface LabApiServerDeps {
  readonly name: string;
  readonly place: Place;
  readonly configFile: string;
  readonly socket: string;
  readonly logs: string;
  readonly start: StartProcess;
}

const READY_TIMEOUT_MS = 60_000;

export class LabApiServer {
  readonly name: string;
  readonly socket: string;
  readonly configFile: string;
  readonly logFile: string;
  readonly #deps: LabApiServerDeps;
  #process: LabProcess | undefined;

  constructor(deps: LabApiServerDeps) {
    this.#deps = deps;
    this.name = deps.name;
    this.socket = deps.socket;
    this.configFile = deps.configFile;
    this.logFile = join(deps.logs, `${deps.name}.log`);
  }

  /** Of the newest start; absent before the first. */
  get process(): LabProcess | undefined {
    return this.#process;
  }

  async start(): Promise<LabProcess> {
    const { place, start, configFile } = this.#deps;
    this.#process = await start({
      ...programLine('cli/main', ['apiserver', '--config', configFile]),
      name: this.name,
      place,
      logFile: this.logFile,
    });
    return this.#process;
  }

  async ready(signal?: AbortSignal): Promise<void> {
    await this.#process?.untilReady(() => answersOk(this.socket, '/readyz'), READY_TIMEOUT_MS, signal);
  }

  async kill(): Promise<void> {
    await this.#process?.kill();
  }

  status(): Promise<ObservedStatus> {
    return getJsonOver(this.socket, '/v1/status');
  }

  services(): Promise<ObservedServices> {
    return getJsonOver(this.socket, '/v1/services');
  }

  conflicts(): Promise<Report> {
    return getJsonOver(this.socket, '/v1/conflicts');
  }
}
