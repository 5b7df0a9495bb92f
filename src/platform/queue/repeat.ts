// Work that is done again and again in the background: never twice at a time, and ended before its
// connections are.

export interface Repeating {
  /** Does the work once more as soon as it can; asked while it runs, it runs again after that. */
  wake: () => void;
  /** Resolves when the work that runs has ended; none begins after it. */
  close: () => Promise<void>;
}

/**
 * Does the work now, and again `everyMs` after it has ended, or when it is woken. What it throws
 * goes to `onError`, and it goes on: the next time may be better.
 */
export function repeat({
  everyMs,
  work,
  onError,
}: {
  everyMs: number;
  work: () => Promise<unknown>;
  onError: (error: unknown) => void;
}): Repeating {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | null = null;
  let woken = false;
  let closed = false;

  async function run(): Promise<void> {
    woken = false;
    try {
      await work();
    } catch (error) {
      onError(error);
      woken = false;
    }
    running = null;
    if (closed) return;
    if (woken) begin();
    else timer = setTimeout(begin, everyMs);
  }

  function begin(): void {
    clearTimeout(timer);
    running = run();
  }

  begin();
  return {
    wake: () => {
      if (closed) return;
      if (running === null) begin();
      else woken = true;
    },
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await running;
    },
  };
}
