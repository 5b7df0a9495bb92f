// The whole of the desk: the question for a key to whoever is not signed in, the frame and its
// page to whoever is, and the same question over the page when a session is over.

import { StrictMode, useEffect, useState } from 'react';
import { ConfigProvider } from 'tdesign-react';
import enConfig from 'tdesign-react/lib/locale/en_US';
import zhConfig from 'tdesign-react/lib/locale/zh_CN';

import { Refusal, whenSignedOut, type Me } from '../parts/api.ts';
import { Problem, Waiting } from '../parts/asked.tsx';
import { Dialog } from '../parts/dialog.tsx';
import { say, useLanguage } from '../parts/say.tsx';
import { askMe, isSamePerson, MeProvider } from '../parts/session.ts';
import { Frame } from './frame.tsx';
import { LookButtons } from './look.tsx';
import { SignInForm } from './sign-in.tsx';

type State = 'asking' | 'signed-out' | { me: Me } | { error: unknown };

export function Desk() {
  const language = useLanguage();
  return (
    <StrictMode>
      <ConfigProvider globalConfig={language === 'zh' ? zhConfig : enConfig}>
        <Door />
      </ConfigProvider>
    </StrictMode>
  );
}

function Door() {
  const [state, setState] = useState<State>('asking');
  const enter = async () => setState({ me: await askMe() });
  useEffect(() => {
    // Until somebody is in, an answer of 401 is no end of a session.
    whenSignedOut(() => Promise.resolve());
    enter().catch((error: unknown) => setState(error instanceof Refusal && error.problem.status === 401 ? 'signed-out' : { error }));
  }, []);
  if (state === 'asking') return <Waiting />;
  if (state === 'signed-out') return <SignInPage enter={enter} />;
  if ('error' in state) return <Problem error={state.error} again={() => location.reload()} />;
  return (
    <MeProvider value={state.me}>
      <Frame />
      <SignInAgain me={state.me} />
    </MeProvider>
  );
}

function SignInPage({ enter }: { enter: () => Promise<void> }) {
  useEffect(() => {
    document.title = `${say('sign_in')} · Fenyong 分佣`;
  });
  return (
    <main className="sign-in">
      <div className="tools">
        <LookButtons />
      </div>
      <h1>Fenyong 分佣</h1>
      <SignInForm whenIn={enter} />
    </main>
  );
}

/** Over the page, on which everything stays as it was typed. */
function SignInAgain({ me }: { me: Me }) {
  const [back, setBack] = useState<(() => void) | null>(null);
  useEffect(() => {
    let waiting: Promise<void> | null = null;
    whenSignedOut(() => {
      waiting ??= new Promise((resolve) => {
        setBack(() => () => {
          waiting = null;
          resolve();
        });
      });
      return waiting;
    });
  }, []);
  if (back === null) return null;
  const whenIn = async () => {
    // What stands on the page is another person's.
    if (!isSamePerson(me, await askMe())) location.reload();
    back();
    setBack(null);
  };
  return (
    <Dialog title={say('signed_out')}>
      <p>{say('signed_out_detail')}</p>
      <SignInForm whenIn={whenIn} />
    </Dialog>
  );
}
