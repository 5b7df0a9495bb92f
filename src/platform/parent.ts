// The process that started us, and what to do when it is gone.

const POLL_MS = 500;

/** Calls back once when our parent has ended before us. Does not keep the process running. */
export function whenOrphaned(callback: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    callback();
  }, POLL_MS);
  timer.unref();
}
