// Lookups by key, gathered: whatever is asked for while one query runs is asked for by the next
// one, together.

interface Asker<Found> {
  resolve: (found: Found | null) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes a lookup of one out of a lookup of many, of which one runs at a time, for at most `keysMax`
 * keys: whoever asks for ever new keys holds one connection and no more, and who asks beside him
 * waits for one query of others at the most for every `keysMax` of them.
 */
export function coalesced<Found>(
  read: (keys: string[]) => Promise<ReadonlyMap<string, Found>>,
  keysMax = 500,
): (key: string) => Promise<Found | null> {
  const asked = new Map<string, Asker<Found>[]>();
  let reading = false;

  async function readAll(): Promise<void> {
    while (asked.size > 0) {
      const batch = [...asked].slice(0, keysMax);
      for (const [key] of batch) asked.delete(key);
      try {
        const found = await read(batch.map(([key]) => key));
        for (const [key, askers] of batch) for (const { resolve } of askers) resolve(found.get(key) ?? null);
      } catch (error) {
        for (const { reject } of batch.flatMap(([, askers]) => askers)) reject(error);
      }
    }
    reading = false;
  }

  return (key) =>
    new Promise((resolve, reject) => {
      const askers = asked.get(key);
      if (askers === undefined) asked.set(key, [{ resolve, reject }]);
      else askers.push({ resolve, reject });
      if (reading) return;
      reading = true;
      // What else this turn of the event loop brings comes along.
      setImmediate(() => void readAll());
    });
}
