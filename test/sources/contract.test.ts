// Every order system against the contract of adapters.
import { describe, expect, test } from 'vitest';

import { ADAPTERS } from '../../src/sources/adapters.ts';
import { contractOf } from './contract.ts';
import { SUBJECTS } from './subjects.ts';

for (const subject of SUBJECTS) describe(subject.adapter.kind, () => contractOf(subject));

test('no order system is left out', () => {
  expect(SUBJECTS.map((subject) => subject.adapter.kind).toSorted()).toEqual(ADAPTERS.map((adapter) => adapter.kind).toSorted());
});
