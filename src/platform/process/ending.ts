// How the process ends: once, in good order, within a limit.

import type { Logger } from 'pino';

interface EndingOptions {
  /** Closes whatever is open. */
  close: () => Promise<void>;
  log: Logger;
  /** After that the process ends anyway. */
  timeoutMs: number;
}

/**
 * Ends the process at the first SIGTERM or SIGINT, and when an error is caught by nobody. What
 * comes after it changes nothing: npm passes on the signal that its whole group has got already,
 * and a second one must not cut the first one's good order short.
 */
export function endInGoodOrder({ close, log, timeoutMs }: EndingOptions): void {
  let ending = false;

  async function end(code: number): Promise<void> {
    if (ending) return;
    ending = true;
    setTimeout(() => {
      log.error({ timeout_ms: timeoutMs }, 'the process did not close in time');
      process.exit(1);
    }, timeoutMs).unref();
    try {
      await close();
      process.exit(code);
    } catch (error) {
      log.error({ err: error }, 'the process could not close in good order');
      process.exit(1);
    }
  }

  function onUncaught(error: unknown): void {
    log.fatal({ err: error }, 'the process ends on an error that nobody caught');
    void end(1);
  }

  process.on('SIGTERM', () => void end(0));
  process.on('SIGINT', () => void end(0));
  process.on('uncaughtException', onUncaught);
  process.on('unhandledRejection', onUncaught);
}
