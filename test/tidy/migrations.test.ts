// Migrations only go forward: numbered one after the other, and never touched again once they are
// released.

import { createHash } from 'node:crypto';
import { posix } from 'node:path';

import { expect, test } from 'vitest';

import { pathsBelow, textOf } from './files.ts';

const names = pathsBelow('migrations').map((path) => posix.basename(path));

const numberOf = (file: string): number => Number(file.slice(0, 4));

/** The names that are not `NNNN-name.sql`, or whose number is not above that of the one before. */
function misnumbered(files: string[]): string[] {
  return files.filter(
    (file, index) => !/^\d{4}(-[a-z0-9]+)+\.sql$/.test(file) || (index > 0 && numberOf(file) <= numberOf(files[index - 1]!)),
  );
}

/** The released migrations whose text is not what was released. */
function changed(released: Record<string, string>, textOfMigration: (name: string) => string | null): string[] {
  return Object.entries(released)
    .filter(
      ([name, hash]) =>
        createHash('sha256')
          .update(textOfMigration(name) ?? 'is gone')
          .digest('hex') !== hash,
    )
    .map(([name]) => name);
}

test('migrations have numbers that rise, each once', () => {
  expect(misnumbered(['0001-a.sql', '0001-b.sql'])).toEqual(['0001-b.sql']);
  expect(misnumbered(['0001_a.sql', '0002-B.sql', '0003-c.down.sql'])).toHaveLength(3);
  expect(names.length).toBeGreaterThan(0);
  expect(misnumbered(names)).toEqual([]);
});

test('a released migration is never changed, nor taken away', () => {
  const hashOfA = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb';
  expect(changed({ '0001-a.sql': hashOfA }, () => 'a')).toEqual([]);
  expect(changed({ '0001-a.sql': hashOfA }, () => 'b')).toEqual(['0001-a.sql']);
  expect(changed({ '0001-a.sql': hashOfA }, () => null)).toEqual(['0001-a.sql']);

  const released = JSON.parse(textOf('test/tidy/released-migrations.json')) as Record<string, string>;
  expect(changed(released, (name) => (names.includes(name) ? textOf(`migrations/${name}`) : null))).toEqual([]);
});

test('what is released lies before what is not, without a gap', () => {
  const released = Object.keys(JSON.parse(textOf('test/tidy/released-migrations.json')) as Record<string, string>);
  expect(released.length).toBeGreaterThan(0);
  expect(released.toSorted()).toEqual(names.slice(0, released.length));
  expect(released.toSorted().map(numberOf)).toEqual(released.map((_, index) => index + 1));
});
