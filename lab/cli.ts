// The command line as a person uses it: the built `clustermesh`, told which API server to ask. What it prints is the caller's to read.

import { execFile } from 'node:child_process';
import { commandAt, HOST, type Place } from './place.ts';
import { programLine } from './programs.ts';

export interface CliOutcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than any command waits for its API server. */
const TIMEOUT_MS = 60_000;

/** `server`: the unix socket of the API server. `place`: where the command runs, for what it reaches by itself. */
export function runCli(server: string, args: readonly string[], place: Place = HOST): Promise<CliOutcome> {
  const line = commandAt(place, programLine('cli/main', args));
  const env = { ...process.env, CLUSTERMESH_SERVER: `unix:${server}` };
  return new Promise((resolve) => {
    execFile(line.command, [...line.args], { env, timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 3;
      resolve({ status, stdout, stderr: stderr || (error?.message ?? '') });
    });
  });
}
