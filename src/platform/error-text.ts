// What was thrown, as text: anything can be thrown, and not only errors are.

/** The message of an error, and the text of whatever else was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where an error came from, with its message; where it does not say, the message alone. */
export function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
