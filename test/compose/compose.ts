// What the tests look at in docker-compose.yml: its services, with the variables replaced as a given environment has them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { packageRoot } from '../../runtime/package-root.ts';

const serviceSchema = z.looseObject({
  image: z.string(),
  build: z.looseObject({ dockerfile: z.string() }).optional(),
  user: z.string().optional(),
  privileged: z.boolean().optional(),
  read_only: z.boolean().optional(),
  restart: z.string().optional(),
  cap_add: z.array(z.string()).default([]),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  entrypoint: z.array(z.string()).optional(),
  volumes: z.array(z.string()).default([]),
  healthcheck: z.looseObject({ test: z.array(z.string()) }).optional(),
  networks: z.union([z.array(z.string()), z.record(z.string(), z.unknown())]).optional(),
});
export type ComposeService = z.infer<typeof serviceSchema>;

const schema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  networks: z.record(z.string(), z.looseObject({ internal: z.boolean().optional() })),
  volumes: z.record(z.string(), z.unknown()),
});

export const root = packageRoot();

export function readCompose(variables: Readonly<Record<string, string>> = {}): z.infer<typeof schema> {
  const text = readFileSync(join(root, 'docker-compose.yml'), 'utf8');
  const filled = text.replaceAll(
    /\$\{([A-Z_]+):-([^}]*)\}/g,
    (_, name: string, fallback: string) => variables[name] ?? fallback,
  );
  return schema.parse(parse(filled, { merge: true }));
}

/** `source:target[:mode]`. */
export function mountsOf(service: ComposeService): readonly { readonly source: string; readonly target: string }[] {
  return service.volumes.map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    return { source, target };
  });
}

/** Where a path of the container lies in the checkout; `undefined` when it is not mounted from there. */
export function inCheckout(service: ComposeService, path: string): string | undefined {
  const mount = mountsOf(service).find(
    ({ source, target }) => source.startsWith('./') && path.startsWith(`${target}/`),
  );
  return mount === undefined ? undefined : join(root, mount.source, path.slice(mount.target.length));
}
