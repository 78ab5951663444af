import { defineConfig } from 'vitest/config';

// Two projects: `unit` needs nothing but Node (tests stand beside the code), `live` needs what its name says in the file header:
// root, etcd, the kernel. Live files run one at a time: they share the machine's two cores and measure time.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{agent,apiserver,bench,cli,demo,lab,mesh,pki,runtime}/**/*.test.ts',
            'test/{architecture,compose,conflicts,docs,renewal}/**/*.test.ts',
          ],
          exclude: ['**/*.live.test.ts', '**/node_modules/**', '**/dist/**'],
          // None of them waits for a time: what takes longer than a second or two has others on its processors.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'live',
          include: ['**/*.live.test.ts'],
          exclude: ['**/node_modules/**', '**/dist/**'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          pool: 'forks',
        },
      },
    ],
  },
});
