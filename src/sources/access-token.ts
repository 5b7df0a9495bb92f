// Asking with an access token that the platform may end before its time.
import { AskingFailed, type Asking, type Token } from './asking.ts';

/** The platform has ended a token before its time. */
export class TokenEnded extends AskingFailed {}

/** Asks with the access token, and once more with another when `ask` throws `TokenEnded`. */
export async function askWithToken<T>(asking: Asking, obtain: () => Promise<Token>, ask: (token: string) => Promise<T>): Promise<T> {
  const token = await asking.token('access', obtain);
  try {
    return await ask(token);
  } catch (error) {
    if (!(error instanceof TokenEnded)) throw error;
    return ask(await asking.token('access', obtain, token));
  }
}
