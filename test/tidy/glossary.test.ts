// The glossary at the end of both READMEs: a word for everything that the code has a folder or a
// table for, in order, each once.

import { expect, test } from 'vitest';

import { pathsBelow, textOf } from './files.ts';

interface Word {
  word: string;
  meaning: string;
}

/** The words of a text whose glossary stands under this heading, each on a line of its own. */
function glossaryOf(text: string, heading: string): Word[] {
  const section = text.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...section.matchAll(/^- \*\*([a-z -]+)\*\*(?:: |：)(.+)$/gm)].map(([, word, meaning]) => ({ word: word!, meaning: meaning! }));
}

const glossary = glossaryOf(textOf('README.md'), 'The words');

/**
 * What a glossary leaves without a word: a name is explained by a word in it, in the singular, or
 * where it is told in full.
 */
function unexplained(names: readonly string[], words: readonly Word[]): string[] {
  const known = new Set(words.map(({ word }) => word));
  const quoted = words.map(({ meaning }) => meaning).join('\n');
  const isKnown = (part: string) => known.has(part) || known.has(part.replace(/s$/, ''));
  return names.filter((name) => {
    const parts = name.split('_');
    return !isKnown(parts.join(' ')) && !isKnown(parts.join('-')) && !parts.some(isKnown) && !quoted.includes(`\`${name}\``);
  });
}

/** The tables of the database, by the types that are made of them. */
function tables(): string[] {
  const all = textOf('src/platform/postgres/tables.ts').split('export interface DB {')[1]!;
  return [...all.matchAll(/^ {2}(\w+): \w+;$/gm)].map((table) => table[1]!);
}

test('the glossary has each word once, in order, in both languages', () => {
  const words = glossary.map(({ word }) => word);
  expect(words.length).toBeGreaterThan(0);
  expect(words).toEqual([...new Set(words)].toSorted());
  expect(glossaryOf(textOf('README.zh.md'), '词汇').map(({ word }) => word)).toEqual(words);
});

test('every folder of src is a word of the glossary', () => {
  const folders = [...new Set(pathsBelow('src').flatMap((path) => /^src\/([^/]+)\//.exec(path)?.[1] ?? []))];
  expect(folders.length).toBeGreaterThan(0);
  expect(unexplained(folders, glossary)).toEqual([]);
  expect(unexplained(['moods', 'orders'], glossary)).toEqual(['moods']);
});

test('every table has a word of the glossary in its name, or is named there', () => {
  expect(tables().length).toBeGreaterThan(50);
  expect(unexplained(tables(), glossary)).toEqual([]);
  expect(unexplained(['mood_swing', 'ledger_link'], [{ word: 'mood', meaning: 'none' }])).toEqual(['ledger_link']);
  expect(unexplained(['ledger_link'], [{ word: 'mood', meaning: 'as in `ledger_link`' }])).toEqual([]);
});
