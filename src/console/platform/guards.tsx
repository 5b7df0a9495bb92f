// The guards: the laws of the books and the alarms, what each has found, and what to do.

import { useState } from 'react';

import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import { count } from '../parts/amounts.ts';
import { Act } from '../parts/dialog.tsx';
import { currentLanguage, nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { ToneTag } from '../parts/tags.tsx';
import { Section, Time } from '../parts/values.tsx';
import { visible } from '../parts/visible.ts';

type Guard = Schemas['Guard'];

const KINDS = ['law', 'alarm'] as const;

export function GuardsPage() {
  const asked = useAsked(() => answered(api.GET('/v1/guards')), []);
  return (
    <>
      <h1>{say('guards')}</h1>
      <Loaded asked={asked}>
        {({ ok, data }) => (
          <>
            <ToneTag tone={ok ? 'good' : 'bad'}>{say(ok ? 'laws_hold' : 'law_broken')}</ToneTag>
            {KINDS.map((kind) => (
              <GuardsOf key={kind} kind={kind} guards={data.filter((guard) => guard.kind === kind)} />
            ))}
          </>
        )}
      </Loaded>
    </>
  );
}

/** Those that found nothing are folded away. */
function GuardsOf({ kind, guards }: { kind: Guard['kind']; guards: Guard[] }) {
  const quiet = guards.filter(({ ok }) => ok);
  return (
    <Section title={nameOf('guard', kind)}>
      {guards
        .filter(({ ok }) => !ok)
        .map((guard) => (
          <GuardCard key={guard.name} guard={guard} />
        ))}
      <details>
        <summary>{say('quiet_guards', { count: quiet.length })}</summary>
        {quiet.map((guard) => (
          <GuardCard key={guard.name} guard={guard} />
        ))}
      </details>
    </Section>
  );
}

/** One guard, which may be asked at once. */
export function GuardCard({ guard: given }: { guard: Guard }) {
  const may = useMay();
  const [guard, setGuard] = useState(given);
  const { name, words, ok, violations, sample, checked_at: checkedAt } = guard;
  // A guard that found nothing and is not well was not asked for too long.
  const isStale = !ok && violations === 0;
  const { says, broken, what_to_do: whatToDo } = words[currentLanguage()];
  const run = async () => setGuard(await answered(api.POST('/v1/guards/{name}/runs', { params: { path: { name } } })));
  return (
    <article className="card">
      <p>
        <code>{name}</code>{' '}
        {ok ? (
          <ToneTag tone="good">{say('holds')}</ToneTag>
        ) : (
          <ToneTag tone="bad">{isStale ? say('stale') : say('violations', { count: count(violations) })}</ToneTag>
        )}
      </p>
      <p>{isStale ? say('stale_means', { says }) : ok ? says : broken}</p>
      {!ok && (
        <p>
          <strong>{say('what_to_do')}</strong> {isStale ? say('stale_cure') : whatToDo}
        </p>
      )}
      {sample.length > 0 && (
        <ul>
          {sample.map((violation) => (
            <li key={JSON.stringify(violation)}>{visible(toldOf(violation))}</li>
          ))}
        </ul>
      )}
      <p className="faint">
        {say('checked_at')} <Time at={checkedAt} /> {may('guards.run') && <Act label={say('check_now')} act={run} done={say('checked')} />}
      </p>
    </article>
  );
}

function toldOf(violation: Readonly<Record<string, unknown>>): string {
  return Object.entries(violation)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' · ');
}
