// What is secret is compared in constant time, and what is sealed is sealed anew when its key is
// rotated.

import { expect, test } from 'vitest';

import { SEALED_COLUMNS } from '../../src/main.ts';
import { codeBelow, example, expectLaw, type CodeFile, type Law } from './files.ts';

/**
 * Names of values that only their owner may know, next to an operator that ends at the first
 * difference.
 */
const SECRET = String.raw`\w*(?:[Ss]ignature|[Mm]ac|[Dd]igest|[Ss]ecret|[Hh]mac)`;
const COMPARED = new RegExp(
  String.raw`(?<!typeof )\b${SECRET}\s*[!=]==?(?!=|\s*(?:null|undefined|''))|(?<!['\d]\s*)[!=]==?\s*${SECRET}\b(?![.(])`,
);

const src = codeBelow('src');

const comparesInConstantTime: Law<CodeFile> = ({ path, text }) =>
  text
    .split('\n')
    .flatMap((line, index) =>
      COMPARED.test(line) ? [`${path}:${index + 1} compares a secret with an operator; use timingSafeEqual`] : [],
    );

test('no secret is compared by an operator', () => {
  expectLaw(comparesInConstantTime, src, [
    example('src/sources/a.ts', 'export const ok = (given: string, signature: string) => given === signature;'),
    example('src/sources/a.ts', 'export const ok = (given: string, bodyMac: string) => bodyMac !== given;'),
    example('src/sources/a.ts', 'export const ok = (given: string, appSecret: string) => appSecret == given;'),
  ]);
});

test('every file that seals names the column that its secrets lie in', () => {
  const sealing = src.filter(
    ({ path, text }) => path !== 'src/platform/keys/reseal.ts' && /[{,]\s*seal\s*[,}][^;]*secrets\.ts'/.test(text),
  );
  expect(sealing.map(({ path }) => path)).toContain('src/sources/connections/source-store.ts');
  expect(sealing.map(({ path }) => path)).toHaveLength(SEALED_COLUMNS.length);
});
