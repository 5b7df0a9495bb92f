// Keys and the persons who hold them: making one, which is shown this once, and revoking one.

import { useState } from 'react';

import { answered, api, type Schemas } from '../parts/api.ts';
import { Act } from '../parts/dialog.tsx';
import { Form, type Field } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { ToneTag } from '../parts/tags.tsx';
import { Id, Section, Time } from '../parts/values.tsx';

type Key = Schemas['Key'];

const SCOPES = ['admin', 'storefront', 'merchant', 'promoter', 'auditor'] as const satisfies readonly Key['scope'][];
const ROLES = ['operator', 'finance', 'risk'] as const satisfies readonly Key['role'][];

export function KeysPage() {
  const may = useMay();
  const [turn, setTurn] = useState(0);
  const again = () => setTurn((before) => before + 1);
  return (
    <>
      <h1>{say('keys')}</h1>
      {may('keys.make') && <MakeKey whenMade={again} />}
      <Pages
        label={say('keys')}
        file="keys"
        keyOf={({ key_id: id }) => id}
        columns={columns(may('keys.revoke'), again)}
        on={[turn]}
        ask={(page) => answered(api.GET('/v1/keys', { params: { query: page } }))}
      />
    </>
  );
}

function fields(): Field[] {
  return [
    {
      name: 'scope',
      label: say('scope'),
      kind: 'select',
      isRequired: true,
      options: SCOPES.map((value) => ({ value, label: nameOf('scope_of_key', value) })),
    },
    {
      name: 'role',
      label: say('role_of_admin'),
      kind: 'select',
      help: say('role_help'),
      options: ROLES.map((value) => ({ value, label: nameOf('role_of_key', value) })),
    },
    { name: 'person', label: say('person'), help: say('person_help') },
    { name: 'merchant_id', label: say('merchant') },
    { name: 'promoter_id', label: say('promoter') },
    { name: 'label', label: say('label') },
  ];
}

function MakeKey({ whenMade }: { whenMade: () => void }) {
  const [made, setMade] = useState<string | null>(null);
  return (
    <Section title={say('make_key')}>
      <Form
        label={say('make_key')}
        done=" "
        fields={fields()}
        initial={{ scope: 'admin' }}
        submit={async ({ scope, role, person, merchant_id: merchant, promoter_id: promoter, label }) => {
          const wanted = { role: role as Key['role'] | undefined | '', person, merchant_id: merchant, promoter_id: promoter, label };
          const body = { scope: scope as Key['scope'], ...given(wanted) } as { scope: Key['scope'] };
          const { key } = await answered(api.POST('/v1/keys', { body }));
          setMade(key ?? null);
          whenMade();
        }}
      />
      {made !== null && (
        <p role="status">
          {say('key_once')} <code className="secret">{made}</code>
        </p>
      )}
    </Section>
  );
}

function columns(mayRevoke: boolean, again: () => void): Column<Key>[] {
  return [
    { title: say('label'), cell: ({ label }) => <Id>{label}</Id>, csv: ({ label }) => label },
    { title: say('scope'), cell: (key) => scopeOf(key), csv: (key) => scopeOf(key) },
    { title: say('person'), cell: ({ person }) => <Id>{person}</Id>, csv: ({ person }) => person },
    { title: say('whose'), cell: (key) => <Id>{key.merchant_id ?? key.promoter_id}</Id>, csv: (key) => key.merchant_id ?? key.promoter_id },
    { title: say('ending'), cell: ({ ending }) => (ending === null ? '–' : <code>…{ending}</code>), csv: ({ ending }) => ending },
    { title: say('made_at'), cell: ({ made_at: at }) => <Time at={at} />, csv: ({ made_at: at }) => at },
    { title: say('last_used_at'), cell: ({ last_used_at: at }) => <Time at={at} />, csv: ({ last_used_at: at }) => at },
    {
      title: say('state'),
      cell: (key) => <KeyState of={key} mayRevoke={mayRevoke} again={again} />,
      csv: ({ revoked_at: at }) => (at === null ? say('in_use') : say('revoked')),
    },
  ];
}

function scopeOf({ scope, role }: Key): string {
  return role === null ? nameOf('scope_of_key', scope) : `${nameOf('scope_of_key', scope)} · ${nameOf('role_of_key', role)}`;
}

function KeyState({ of: key, mayRevoke, again }: { of: Key; mayRevoke: boolean; again: () => void }) {
  const { key_id: id, revoked_at: revokedAt, label, ending } = key;
  if (revokedAt !== null) {
    return (
      <>
        <ToneTag tone="bad">{say('revoked')}</ToneTag> <Time at={revokedAt} />
      </>
    );
  }
  const revoke = async () => {
    await answered(api.DELETE('/v1/keys/{key_id}', { params: { path: { key_id: id } } }));
    again();
  };
  return (
    <>
      <ToneTag tone="good">{say('in_use')}</ToneTag>{' '}
      {mayRevoke && (
        <Act
          label={say('revoke')}
          isDangerous
          act={revoke}
          confirm={
            <>
              <p>
                <Id>{label}</Id> {scopeOf(key)} <code>…{ending}</code>
              </p>
              <p>{say('revoke_means')}</p>
            </>
          }
        />
      )}
    </>
  );
}
