// What is asked of the API for a page: while it is on its way, when it was refused, when it is
// here.

import { useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { Button, Loading } from 'tdesign-react';

import { Refusal } from './api.ts';
import { say } from './say.tsx';
import { visible } from './visible.ts';

interface Asked<Answer> {
  /** Undefined until the first answer; kept while it is asked for again. */
  answer: Answer | undefined;
  error: unknown;
  again: () => void;
}

/** Asks, and asks again when one of `on` changes. An answer that comes too late is dropped. */
export function useAsked<Answer>(ask: () => Promise<Answer>, on: readonly unknown[]): Asked<Answer> {
  const [state, setState] = useState<{ answer?: Answer; error?: unknown; on: readonly unknown[] }>({ on });
  const turn = useRef(0);
  const latest = useRef(ask);
  latest.current = ask;
  const again = useCallback(() => {
    const mine = (turn.current += 1);
    latest.current().then(
      (answer) => mine === turn.current && setState({ answer, on }),
      (error: unknown) => mine === turn.current && setState((before) => ({ ...before, error, on })),
    );
  }, on);
  useEffect(() => {
    again();
    return () => {
      turn.current += 1;
    };
  }, [again]);
  const isOfNow = state.on.length === on.length && state.on.every((one, index) => Object.is(one, on[index]));
  return { answer: isOfNow ? state.answer : undefined, error: isOfNow ? state.error : undefined, again };
}

/** Shows what was asked for, or that it is on its way, or why it is not there. */
export function Loaded<Answer>({ asked, children }: { asked: Asked<Answer>; children: (answer: Answer) => ReactNode }) {
  const { answer, error, again } = asked;
  if (error !== undefined) return <Problem error={error} again={again} />;
  return answer === undefined ? <Waiting /> : children(answer);
}

export function Waiting() {
  return (
    <p className="waiting" role="status">
      <Loading size="small" text={say('loading')} />
    </p>
  );
}

export function Nothing({ children }: { children?: ReactNode }) {
  return <p className="faint">{children ?? say('nothing')}</p>;
}

/** What the API refused, with all that it said. */
export function Problem({ error, again, except = [] }: { error: unknown; again?: () => void; except?: readonly string[] }) {
  if (!(error instanceof Refusal)) throw error;
  const { title, detail, code, errors = [], request_id: requestId } = error.problem;
  const rest = errors.filter(({ path }) => !except.includes(path));
  return (
    <div role="alert" className="problem">
      <strong>✕ {visible(title)}</strong>
      <p>{visible(detail)}</p>
      {rest.length > 0 && (
        <ul>
          {rest.map(({ path, message }) => (
            <li key={path}>{visible(`${path}: ${message}`)}</li>
          ))}
        </ul>
      )}
      <p>
        <code>{code}</code>
        {requestId !== undefined && ` · ${requestId}`}
      </p>
      {again !== undefined && (
        <Button size="small" variant="outline" onClick={again}>
          {say('again')}
        </Button>
      )}
    </div>
  );
}
