// Signing in with a key, which is sent this once, on a page of its own and over a page whose
// session is over.

import { useId, useState } from 'react';
import { Button } from 'tdesign-react';

import { signIn } from '../parts/api.ts';
import { Problem } from '../parts/asked.tsx';
import { Mistake } from '../parts/form.tsx';
import { say } from '../parts/say.tsx';

/** What a header can carry; no key has other characters. */
const KEY_CHARACTERS = /^[\x21-\x7e]+$/;

export function SignInForm({ whenIn }: { whenIn: () => Promise<void> }) {
  const id = useId();
  const [key, setKey] = useState('');
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const send = async () => {
    setBusy(true);
    setError(undefined);
    try {
      if (!KEY_CHARACTERS.test(key.trim())) throw new Mistake('key', say('no_key'));
      await signIn(key.trim());
      setKey('');
      await whenIn();
    } catch (refused) {
      setError(refused);
    }
    setBusy(false);
  };
  return (
    <form
      className="fields"
      onSubmit={(event) => {
        event.preventDefault();
        void send();
      }}
    >
      <div className="field">
        <label htmlFor={id}>{say('key')}</label>
        <input
          id={id}
          type="password"
          name="key"
          autoComplete="current-password"
          required
          value={key}
          onChange={({ target }) => setKey(target.value)}
        />
        <small className="faint">{say('key_promise')}</small>
      </div>
      {error !== undefined && <Problem error={error} />}
      <div className="buttons">
        <Button type="submit" theme="primary" loading={isBusy}>
          {say('sign_in')}
        </Button>
      </div>
    </form>
  );
}
