// The OpenAPI 3.1 description of the API server's routes, made of the schemas that its documents are typed and checked with.
// A test holds it against the routes themselves.

import { z } from 'zod';
import { inviteSchema, joinSchema, revokeSchema, withdrawSchema } from '../join/routes.ts';
import { filterSchema, quarantineFilterSchema } from './schema/filter.ts';
import {
  invitationSchema,
  invitationsSchema,
  joinDocumentSchema,
  peersSchema,
  removedSchema,
  revocationSchema,
  withdrawalSchema,
} from './schema/joining.ts';
import { ladderSchema } from './schema/ladder.ts';
import { problemSchema } from './schema/problem.ts';
import { quarantineSchema, releaseSchema } from './schema/quarantine.ts';
import { findingSchema, reportSchema } from './schema/report.ts';
import { servicesSchema, statusSchema } from './schema/status.ts';
import { trustSchema } from './schema/trust.ts';

interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  readonly path: string;
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** By status; `default` for every other one. */
  readonly answers: Readonly<Record<number, Answer>> & { readonly default?: Answer };
}

interface Answer {
  readonly description: string;
  /** By media type; a text has no schema. */
  readonly content?: Readonly<Record<string, z.ZodType | undefined>>;
}

const json = (description: string, schema: z.ZodType): Answer => ({
  description,
  content: { 'application/json': schema },
});
const problem = (description: string): Answer => ({
  description,
  content: { 'application/problem+json': problemSchema },
});
const unchanged: Answer = { description: 'Unchanged since the ETag in If-None-Match' };

const REFUSED = {
  default: problem('Refused; findings that are the reason stand in it'),
} as const;

const healthSchema = z.object({ status: z.string() });
const readinessSchema = z.object({ status: z.enum(['ready', 'starting']), parts: statusSchema.shape.health });

const OPERATIONS: readonly Operation[] = [
  {
    method: 'get',
    path: '/healthz',
    summary: 'Whether the process lives',
    answers: { 200: json('It does', healthSchema) },
  },
  {
    method: 'get',
    path: '/readyz',
    summary: 'Whether every part has started',
    answers: { 200: json('Ready', readinessSchema), 503: json('Some part is starting', readinessSchema) },
  },
  {
    method: 'get',
    path: '/metrics',
    summary: 'Prometheus metrics',
    answers: { 200: { description: 'Exposition format 0.0.4', content: { 'text/plain': undefined } } },
  },
  {
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    answers: { 200: json('OpenAPI 3.1', z.looseObject({ openapi: z.string() })), 304: unchanged },
  },
  {
    method: 'get',
    path: '/v1/status',
    summary: 'The API server, its peers and its agents',
    answers: { 200: json('Status', statusSchema), 304: unchanged },
  },
  {
    method: 'get',
    path: '/v1/services',
    summary: 'Global services with the backends selected for this cluster',
    answers: { 200: json('Services', servicesSchema), 304: unchanged },
  },
  {
    method: 'get',
    path: '/v1/conflicts',
    summary: 'The report: what was checked, and what was found',
    query: filterSchema,
    answers: {
      200: {
        description: 'The report; as an event stream, an event `report` with each change',
        content: { 'application/json': reportSchema, 'text/event-stream': undefined },
      },
      304: unchanged,
      400: problem('A filter that is not known'),
      503: problem('Too many event streams are open'),
    },
  },
  {
    method: 'get',
    path: '/v1/conflicts/{fingerprint}',
    summary: 'One finding',
    answers: { 200: json('The finding', findingSchema), 304: unchanged, 404: problem('It is not present') },
  },
  {
    method: 'get',
    path: '/v1/quarantine',
    summary: 'Withheld records',
    query: quarantineFilterSchema,
    answers: { 200: json('The records', quarantineSchema), 304: unchanged, 400: problem('A filter that is not known') },
  },
  {
    method: 'post',
    path: '/v1/quarantine/{fingerprint}/release',
    summary:
      'Decide that what the finding withholds is right: a cluster was rebuilt (CM-ID-004) or its keys replaced (CM-TRUST-008) on purpose. Takes no body',
    answers: {
      200: json('Decided; used from here on', releaseSchema),
      403: problem('Asked from another machine, or by a web page'),
      404: problem('No such finding is present'),
      409: problem(
        'The finding goes when its cause does, and is not for a person to decide; or this replica does not write',
      ),
    },
  },
  {
    method: 'get',
    path: '/v1/peers',
    summary: 'Every peer in both directions, with the keys that are trusted for it',
    answers: { 200: json('The peers', peersSchema), 304: unchanged },
  },
  {
    method: 'get',
    path: '/v1/trust',
    summary: 'Which authorities are announced, and which bundle of each side is in use on the other',
    answers: { 200: json('The exchange of authorities', trustSchema), 304: unchanged },
  },
  {
    method: 'get',
    path: '/v1/peers/{name}/ladder',
    summary: 'Looks now at what stands between this cluster and the state of a peer, rung by rung',
    answers: {
      200: json('The ladder, for each endpoint', ladderSchema),
      304: unchanged,
      400: problem('Not the name of a cluster'),
      403: problem('Asked from another machine, or by a web page'),
      404: problem('No such peer'),
      409: problem('This cluster has nothing to show at doors'),
    },
  },
  {
    method: 'post',
    path: '/v1/invitations',
    summary: 'Make a token with which one other cluster may join',
    body: inviteSchema,
    answers: { 200: json('The token', invitationSchema), ...REFUSED },
  },
  {
    method: 'get',
    path: '/v1/invitations',
    summary: 'Every invitation that is remembered: open, being used, used, expired and withdrawn ones',
    answers: { 200: json('The invitations, without their secrets', invitationsSchema), 304: unchanged, ...REFUSED },
  },
  {
    method: 'post',
    path: '/v1/invitations/{id}/withdrawal',
    summary: 'From here on nobody may join with the invitation',
    body: withdrawSchema,
    answers: { 200: json('The invitation as it is then', withdrawalSchema), ...REFUSED },
  },
  {
    method: 'post',
    path: '/v1/joins',
    summary: 'Join the cluster that a token is from, or show what that would bring',
    body: joinSchema,
    answers: { 200: json('What was done, or would be', joinDocumentSchema), ...REFUSED },
  },
  {
    method: 'delete',
    path: '/v1/peers/{name}',
    summary: 'Remove a peer that a join has added, and its trust store',
    answers: { 200: json('What was removed', removedSchema), ...REFUSED },
  },
  {
    method: 'post',
    path: '/v1/peers/{name}/revocation',
    summary: 'End a peer at once and keep it away, or show what that would do',
    body: revokeSchema,
    answers: { 200: json('What was done, or would be', revocationSchema), ...REFUSED },
  },
];

/** Documents that are referred to by name. */
const DOCUMENTS: Readonly<Record<string, z.ZodType>> = {
  Finding: findingSchema,
  Invitation: invitationSchema,
  Invitations: invitationsSchema,
  Join: joinDocumentSchema,
  Peers: peersSchema,
  Problem: problemSchema,
  Quarantine: quarantineSchema,
  Release: releaseSchema,
  Report: reportSchema,
  Services: servicesSchema,
  Status: statusSchema,
  Trust: trustSchema,
};

export function openApiDocument(version: string): unknown {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const { method, path, summary, query, body, answers } of OPERATIONS) {
    paths[path] ??= {};
    paths[path][method] = {
      summary,
      operationId: operationId(method, path),
      parameters: [...pathParameters(path), ...queryParameters(query)],
      ...(body === undefined
        ? {}
        : { requestBody: { required: true, content: { 'application/json': { schema: inline(body) } } } }),
      responses: Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, responseOf(answer)])),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'clustermesh API server',
      version,
      description: 'What one cluster of the mesh says of itself, and the conflicts that it finds.',
    },
    // The second: what is asked on loopback or a unix socket where the server has no `http.tls`.
    security: [{ mutualTLS: [] }, {}],
    paths,
    components: { securitySchemes: SECURITY, schemas: componentSchemas() },
  };
}

const SECURITY = {
  mutualTLS: {
    type: 'mutualTLS',
    description:
      'TLS 1.3 with a client certificate of the cluster: that of admin/ or of an API server for everything, that of metrics/ for ' +
      '/metrics, /healthz and /readyz. Every other role is answered 403. What changes something is asked from the same machine besides.',
  },
} as const;

function responseOf({ description, content = {} }: Answer): unknown {
  const types = Object.entries(content).map(([type, schema]) => [
    type,
    { schema: schema === undefined ? { type: 'string' } : schemaOf(schema) },
  ]);
  return { description, ...(types.length === 0 ? {} : { content: Object.fromEntries(types) }) };
}

const componentUri = (name: string): string => `#/components/schemas/${name}`;

function componentSchemas(): unknown {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(DOCUMENTS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, { ...STYLE, uri: componentUri });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, placed(schema)]));
}

function schemaOf(schema: z.ZodType): unknown {
  const [name] = Object.entries(DOCUMENTS).find(([, document]) => document === schema) ?? [];
  return name === undefined ? inline(schema) : { $ref: componentUri(name) };
}

const inline = (schema: z.ZodType): unknown => placed(z.toJSONSchema(schema, STYLE));

/** `input`: a reader must expect more fields than are described. What people read is kept free of what only zod needs. */
const STYLE = {
  io: 'input',
  override: ({ jsonSchema }: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
    if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    delete jsonSchema.readOnly;
    delete jsonSchema.propertyNames;
  },
} as const;

/** In OpenAPI a schema is found by its place and not by an id of its own, and the dialect is that of the document. */
function placed(schema: object): unknown {
  const { $schema: _dialect, $id: _id, ...rest } = schema as Readonly<Record<string, unknown>>;
  return rest;
}

const pathParameters = (path: string): readonly unknown[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));

function queryParameters(query: z.ZodObject | undefined): readonly unknown[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: inline(schema as z.ZodType),
  }));
}

/** `getConflictsByFingerprint` */
function operationId(method: string, path: string): string {
  const words = path.split(/[/.]/).filter((word) => word !== '' && word !== 'v1');
  const named = words.map((word) => (word.startsWith('{') ? `By${capital(word.slice(1, -1))}` : capital(word)));
  return method + named.join('');
}

const capital = (word: string): string => word.charAt(0).toUpperCase() + word.slice(1);
