import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { httpListen, staysOnThisMachine } from './http-reach.ts';

const schema = z
  .strictObject({ listen: httpListen, tls: z.string().optional(), plain: z.boolean().optional() })
  .check(staysOnThisMachine('give it certificates, '));

describe('an HTTP address without TLS', () => {
  test.each(['127.0.0.1:9880', '127.1.2.3:0', 'localhost:9880', '[::1]:9880', 'unix:/run/api.sock'])('%s', (listen) => {
    expect(schema.safeParse({ listen }).success).toBe(true);
  });

  test.each([
    '0.0.0.0:9880',
    ':9880',
    '[::]:9880',
    '10.0.0.5:9880',
    'api.example.org:9880',
    '127.0.0.1.example.org:9880',
    ['unix:/run/api.sock', '10.0.0.5:9880'],
  ])('%s is refused, with what to do', (listen) => {
    const [issue] = schema.safeParse({ listen }).error?.issues ?? [];
    expect(issue?.path).toEqual(['listen']);
    expect(issue?.message).toContain([listen].flat().at(-1));
    expect(issue?.message).toMatch(
      /give it certificates, listen on 127\.0\.0\.1 or unix:\/path, or .*http\.plain: true/,
    );
  });

  test('may be asked for', () => {
    for (const more of [{ tls: 'pair' }, { plain: true }]) {
      expect(schema.safeParse({ listen: '0.0.0.0:9880', ...more }).success).toBe(true);
    }
  });
});
