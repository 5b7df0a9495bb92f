// How much one run takes of what is drawn, or tried in every place.

/**
 * `npm test` takes a little of it each time, and `npm run test:long` ten times as much. RUNS says
 * another factor.
 */
const FACTOR = Number(process.env['RUNS'] ?? '1');

/** How often a property is drawn, of which so many drawings are enough for every day. */
export function runs(few: number): number {
  return Math.ceil(few * FACTOR);
}

/**
 * Of attacks on many places every fifth, beginning with another one for each `turn`: each place
 * gets some of the values, and each value comes to some of the places.
 */
export function sampleOf<Attack>(attacks: readonly Attack[], turn: number): Attack[] {
  const step = Math.max(1, Math.floor(5 / FACTOR));
  return attacks.filter((_, at) => at % step === turn % step);
}
