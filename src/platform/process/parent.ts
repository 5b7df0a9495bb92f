// The process that started us, and what to do when it is gone.

const POLL_MS = 500;
/** As it was when we began: a parent that ends while we are still opening is missed, too. */
const PARENT = process.ppid;

/** Calls back once when our parent has ended before us. Does not keep the process running. */
export function whenOrphaned(callback: () => void): void {
  const timer = setInterval(() => {
    if (process.ppid === PARENT) return;
    clearInterval(timer);
    callback();
  }, POLL_MS);
  timer.unref();
}
