// .env.example against what is read: an operator who copies it finds every variable there is, and
// changes nothing by it.

import { parseEnv } from 'node:util';

import { expect, test } from 'vitest';

import { readConfig } from '../../src/platform/process/config.ts';
import { configVariables, textOf } from './files.ts';

const text = textOf('.env.example');
const given = parseEnv(text) as Record<string, string>;
/** Made of others, so that it has no text of its own. */
const DERIVED = 'PUBLIC_URL';

/** DATABASE_POOL_SIZE is `databasePoolSize` of the configuration. */
function fieldOf(variable: string): string {
  return variable.toLowerCase().replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

test('.env.example names every variable that is read, and no other', () => {
  const names = configVariables();
  expect(names).toContain('DATABASE_URL');
  expect(Object.keys(given).toSorted()).toEqual(names);
});

test('.env.example shows the default of every variable that has one, and leaves the others empty', () => {
  const defaults = new Map<string, unknown>(Object.entries(readConfig({})));
  for (const [name, shown] of Object.entries(given)) {
    const value = defaults.get(fieldOf(name));
    expect(value, `${name} is nothing of the configuration`).toBeDefined();
    const isText = name !== DERIVED && (typeof value === 'string' || typeof value === 'number');
    expect(`${name}=${shown}`).toBe(`${name}=${isText ? value : ''}`);
  }
});

test('a copy of .env.example changes nothing', () => {
  expect(readConfig(given)).toEqual(readConfig({}));
});

test('.env.example says of every variable why one would set it', () => {
  const lines = text.split('\n');
  const unexplained = lines.filter((line, index) => /^[A-Z_]+=/.test(line) && !/^# .{10,}\.$/.test(lines[index - 1] ?? ''));
  expect(unexplained).toEqual([]);
});
