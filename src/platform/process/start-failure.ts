// Why the service cannot start, where its operator can mend it: told in a sentence, without a
// stack.

/** Its message says what is wrong and what to do. It quotes no secret. */
export class StartFailure extends Error {
  override name = 'StartFailure';
}
