import { storeContract } from './contract.ts';
import { MemoryStore } from './memory-store.ts';

storeContract('memory store', async () => {
  const store = new MemoryStore();
  return { store, compact: async () => store.compact(), close: async () => store.close() };
});
