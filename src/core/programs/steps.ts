// Steps of a figure: what a promoter has sold or how many orders it has brought, and what comes of
// having reached so much.

/** What programs count: what buyers paid and kept, in minor units, or orders. */
export const MEASURES = ['paid_amount', 'orders'] as const;

export type Measure = (typeof MEASURES)[number];

/** The highest step that the figure has reached, whose `atLeast` is at most it; null below all. */
export function highestReached<Step extends { atLeast: bigint }>(steps: readonly Step[], figure: bigint): Step | null {
  let highest: Step | null = null;
  for (const step of steps) if (step.atLeast <= figure && (highest === null || step.atLeast > highest.atLeast)) highest = step;
  return highest;
}

/** Where the next step begins that the figure has not reached; null at the top. */
export function nextStepAt(steps: readonly { atLeast: bigint }[], figure: bigint): bigint | null {
  let next: bigint | null = null;
  for (const { atLeast } of steps) if (atLeast > figure && (next === null || atLeast < next)) next = atLeast;
  return next;
}
