// What our programs hold in memory once everything that nobody uses is collected, without any peer and with all of them. Resident memory
// is the more, by what V8 keeps ready. It is what V8 knows of: buffers are in it, and what libraries keep for themselves is not.

import type { MeshStage } from '../stage.ts';

export type LiveMemory = Readonly<Record<'apiserver' | 'agent', { readonly before: number; readonly after: number }>>;

/** The first call is before there are peers. */
export async function watchLiveMemory(stage: MeshStage, signal: AbortSignal): Promise<() => Promise<LiveMemory>> {
  const before = await collected(stage, signal);
  return async () => {
    const after = await collected(stage, signal);
    const of = (process: 'apiserver' | 'agent') => ({ before: before[process], after: after[process] });
    return { apiserver: of('apiserver'), agent: of('agent') };
  };
}

const collected = async (stage: MeshStage, signal: AbortSignal) => ({
  apiserver: await stage.collect('apiserver', signal),
  agent: await stage.collect('agent', signal),
});
