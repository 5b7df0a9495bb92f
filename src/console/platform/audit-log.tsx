// The audit log: who changed what, with what stood before and after.

import { answered, api, type Schemas } from '../parts/api.ts';
import { Filters } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { say } from '../parts/say.tsx';
import { Pages, type Column } from '../parts/table.tsx';
import { Id, Time } from '../parts/values.tsx';
import { visible } from '../parts/visible.ts';

type Change = Schemas['Change'];

export function AuditLogPage({ query }: PageProps) {
  const { subject_kind: kind, subject_id: id, from, to } = query;
  return (
    <>
      <h1>{say('audit_log')}</h1>
      <Filters
        key={JSON.stringify(query)}
        query={query}
        fields={[
          { name: 'subject_kind', label: say('subject_kind') },
          { name: 'subject_id', label: say('subject_id') },
          { name: 'from', label: say('from'), kind: 'date' },
          { name: 'to', label: say('to'), kind: 'date' },
        ]}
        choose={(typed) => go(addressOf(['audit-log'], typed), { replace: true })}
      />
      <Pages
        label={say('audit_log')}
        file="audit-log"
        keyOf={(change) => change.audit_id}
        columns={columns()}
        on={[kind, id, from, to]}
        ask={(page) => {
          const moments = { from: momentOf(from), to: momentOf(to) };
          return answered(
            api.GET('/v1/audit-log', { params: { query: { ...page, ...given({ subject_kind: kind, subject_id: id, ...moments }) } } }),
          );
        }}
      />
    </>
  );
}

function momentOf(day: string | undefined): string | undefined {
  return day === undefined ? undefined : new Date(`${day}T00:00`).toISOString();
}

function columns(): Column<Change>[] {
  return [
    { title: say('time'), cell: ({ recorded_at: at }) => <Time at={at} />, csv: ({ recorded_at: at }) => at },
    {
      title: say('who'),
      cell: ({ key_id: key }) => (key === null ? say('the_service') : <code>{key}</code>),
      csv: ({ key_id: key }) => key,
    },
    { title: say('action'), cell: ({ action }) => <code>{action}</code>, csv: ({ action }) => action },
    {
      title: say('subject'),
      cell: ({ subject_kind: kind, subject_id: id }) => (
        <>
          {kind} <Id>{id}</Id>
        </>
      ),
      csv: ({ subject_kind: kind, subject_id: id }) => `${kind} ${id}`,
    },
    { title: say('changed'), cell: (change) => <Changed of={change} />, csv: (change) => changesOf(change).join('; ') },
  ];
}

function Changed({ of: change }: { of: Change }) {
  const told = changesOf(change);
  if (told.length === 0) return '–';
  return (
    <details>
      <summary>{say('fields_changed', { count: told.length })}</summary>
      <ul className="plain">
        {told.map((one) => (
          <li key={one}>{visible(one)}</li>
        ))}
      </ul>
    </details>
  );
}

/** What is not as it was, field by field: `name: "a" → "b"`. */
function changesOf({ before, after }: Change): string[] {
  const [earlier, later] = [fieldsOf(before), fieldsOf(after)];
  return [...new Set([...Object.keys(earlier), ...Object.keys(later)])].flatMap((name) => {
    const [was, is] = [JSON.stringify(earlier[name]) ?? '–', JSON.stringify(later[name]) ?? '–'];
    return was === is ? [] : [`${name}: ${was} → ${is}`];
  });
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (value === null || value === undefined) return {};
  return typeof value === 'object' ? (value as Record<string, unknown>) : { value };
}
