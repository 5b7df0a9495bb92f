// Sessions: where somebody is signed in, and ending one.

import { useState } from 'react';

import { answered, api, type Schemas } from '../parts/api.ts';
import { Act } from '../parts/dialog.tsx';
import { say } from '../parts/say.tsx';
import { Pages, type Column } from '../parts/table.tsx';
import { ToneTag } from '../parts/tags.tsx';
import { Time } from '../parts/values.tsx';

type Session = Schemas['Session'];

export function SessionsPage() {
  const [turn, setTurn] = useState(0);
  return (
    <>
      <h1>{say('sessions')}</h1>
      <Pages
        label={say('sessions')}
        file="sessions"
        keyOf={({ session_id: id }) => id}
        columns={columns(() => setTurn((before) => before + 1))}
        on={[turn]}
        ask={(page) => answered(api.GET('/v1/sessions', { params: { query: page } }))}
      />
    </>
  );
}

function columns(again: () => void): Column<Session>[] {
  return [
    { title: say('made_at'), cell: ({ made_at: at }) => <Time at={at} />, csv: ({ made_at: at }) => at },
    { title: say('key_of_session'), cell: ({ key_id: id }) => <code>{id}</code>, csv: ({ key_id: id }) => id },
    { title: say('last_used_at'), cell: ({ last_used_at: at }) => <Time at={at} />, csv: ({ last_used_at: at }) => at },
    { title: say('expires_at'), cell: ({ expires_at: at }) => <Time at={at} />, csv: ({ expires_at: at }) => at },
    {
      title: say('state'),
      cell: (session) => <SessionState of={session} again={again} />,
      csv: ({ ended_at: at }) => (at === null ? say('in_use') : say('ended')),
    },
  ];
}

function SessionState({ of: session, again }: { of: Session; again: () => void }) {
  const { session_id: id, ended_at: endedAt, is_current: isCurrent } = session;
  if (endedAt !== null) return <ToneTag tone="quiet">{say('ended')}</ToneTag>;
  if (isCurrent) return <ToneTag tone="good">{say('this_one')}</ToneTag>;
  const end = async () => {
    await answered(api.DELETE('/v1/sessions/{session_id}', { params: { path: { session_id: id } } }));
    again();
  };
  return (
    <>
      <ToneTag tone="good">{say('in_use')}</ToneTag>{' '}
      <Act
        label={say('end')}
        isDangerous
        act={end}
        confirm={
          <p>
            {say('session_ends')} <Time at={session.last_used_at} />
          </p>
        }
      />
    </>
  );
}
