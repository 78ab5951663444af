// The way into the kernel's datapath. Only the agent's composition root, the commands that look at pinned maps, benchmarks and
// tests come through here; everything else speaks to the port in agent/maps/.

export {
  COMPILED_OBJECT,
  type Datapath,
  type DatapathOptions,
  openDatapath,
  openPinnedMaps,
  otherPrograms,
  removeDatapath,
  requireLibbpf,
  tryPrograms,
} from './open.ts';
export type { OtherProgram } from './others.ts';
export { listPins } from './pins.ts';
