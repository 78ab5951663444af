// The steps of the demo, in order: each builds on what the ones before it have put up.

import type { Step } from './step.ts';
import { affinityStep } from './steps/affinity.ts';
import { apiServerRestartStep } from './steps/api-server-restart.ts';
import { backendAddedStep } from './steps/backend-added.ts';
import { backendRemovedStep } from './steps/backend-removed.ts';
import { conflictStep } from './steps/conflict.ts';
import { globalServiceStep } from './steps/global-service.ts';
import { meshStep } from './steps/mesh.ts';

export const STEPS: readonly Step[] = [
  meshStep,
  globalServiceStep,
  backendAddedStep,
  backendRemovedStep,
  affinityStep,
  conflictStep,
  apiServerRestartStep,
];
