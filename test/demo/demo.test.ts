// The demo as whoever tries it runs it: a process of its own.

import { expect, test } from 'vitest';

import { STORY_MS_MAX, useDemo } from './demo-process.ts';

const demo = useDemo();

test(
  'what it does not know is refused with a sentence',
  async () => {
    const { code, output, errors } = await demo.run(['--kepe']).closed;
    expect({ code, output }).toEqual({ code: 1, output: '' });
    expect(errors).toContain("Unknown option '--kepe'");
  },
  STORY_MS_MAX,
);
