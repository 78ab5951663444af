// What a mesh API server says of itself at `/v1/status` and `/v1/services`: the wire shapes, read by the CLI, the lab and
// whoever watches a mesh. They follow from the schemas that are published as OpenAPI. Fields are only added.

import type { z } from 'zod';
import type {
  agentSchema,
  serviceSchema,
  servicesSchema,
  sourceProblemSchema,
  statusSchema,
} from './http/schema/status.ts';

export type StatusDocument = z.infer<typeof statusSchema>;
export type SourceProblemDocument = z.infer<typeof sourceProblemSchema>;
export type AgentDocument = z.infer<typeof agentSchema>;
export type ServicesDocument = z.infer<typeof servicesSchema>;
export type ServiceDocument = z.infer<typeof serviceSchema>;
