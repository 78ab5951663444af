// The way into the kernel's datapath. Only the agent's composition root, the commands that look at pinned maps, benchmarks and
// tests come through here; everything else speaks to the port in agent/maps/.

export type { Feature, FeatureKind } from './features.ts';
export {
  COMPILED_OBJECT,
  type Datapath,
  type DatapathOptions,
  kernelFeatures,
  openDatapath,
  openPinnedMaps,
  otherPrograms,
  pinProblems,
  removeDatapath,
  requireLibbpf,
  tryPrograms,
} from './open.ts';
export type { OtherProgram } from './others.ts';
export { holdPins } from './pin-holder.ts';
export type { PinProblem } from './pin-problems.ts';
export { listPins } from './pins.ts';
