// Given a server that is not Node's, which refuses our certificate by an alert, then the probe names the alert and still has the
// chain. Needs the `openssl` command.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { authority, CLIENT, certify, DAY, keyPem, SERVER } from '../../test/samples/certificates.ts';
import { type ProbeOutcome, probeDoor } from './trust-probe.ts';

const VALID = { from: Date.now() - DAY, to: Date.now() + 30 * DAY };

let dir: string;
let server: ChildProcess | undefined;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'trust-probe-'));
});
afterEach(async () => {
  server?.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

test.each(['-tls1_3', '-tls1_2'])('an alert about our certificate is named (%s)', async (version) => {
  const [west, east] = [
    await authority({ name: 'west root', ...VALID }),
    await authority({ name: 'east root', ...VALID }),
  ];
  const middle = await authority({ name: 'east middle', issuer: east, ...VALID });
  const door = await certify({
    name: 'door.east',
    issuer: middle,
    extended: [SERVER],
    dns: ['east.mesh.cilium.io'],
    ...VALID,
  });
  const ours = await certify({ name: 'remote-west', issuer: west, extended: [CLIENT], ...VALID });
  const file = async (name: string, text: string) => {
    await writeFile(join(dir, name), text, { mode: 0o600 });
    return join(dir, name);
  };
  const port = await freePort();
  server = spawn(
    'openssl',
    [
      ...['s_server', '-accept', `127.0.0.1:${port}`, version, '-alpn', 'h2', '-quiet'],
      ...['-cert', await file('cert.pem', door.pem), '-key', await file('key.pem', await keyPem(door.keys))],
      ...['-cert_chain', await file('chain.pem', middle.pem), '-CAfile', await file('ca.pem', east.pem)],
      ...['-Verify', '3', '-verify_return_error'],
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const client = { certificate: ours.pem, key: await keyPem(ours.keys) };
  const target = { host: '127.0.0.1', port, serverName: 'east.mesh.cilium.io', store: [east.pem], client };
  let outcome: ProbeOutcome | undefined;
  await expect
    .poll(
      async () => {
        outcome = await probeDoor(target, AbortSignal.timeout(5_000));
        return outcome.problem;
      },
      { timeout: 10_000 },
    )
    .not.toBe('ECONNREFUSED');
  expect(outcome).toMatchObject({ clientRefused: 'alert unknown ca', accepted: false, problem: undefined });
  expect(outcome?.chain.map(({ subject }) => subject)).toEqual(['CN=door.east', 'CN=east middle']);
});
