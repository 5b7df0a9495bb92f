// Deliveries: what order systems sent, what became of it, and processing it once more.

import { useState } from 'react';

import { answered, api, type Schemas } from '../parts/api.ts';
import { count } from '../parts/amounts.ts';
import { Act } from '../parts/dialog.tsx';
import { Filters } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, type Column } from '../parts/table.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Id, Link, MerchantLink, Time } from '../parts/values.tsx';

type Delivery = Schemas['Delivery'];
type State = Delivery['state'];

const STATES = ['received', 'parked', 'failed', 'processed'] as const satisfies readonly State[];
/** Of these all can be processed once more at a time. */
const REPLAYED = new Set(['failed', 'parked']);

export function DeliveriesPage({ query }: PageProps) {
  const { state, source_id: sourceId, merchant_id: merchantId } = query;
  const may = useMay();
  const [turn, setTurn] = useState(0);
  return (
    <>
      <h1>{say('deliveries')}</h1>
      <Filters
        key={JSON.stringify(query)}
        query={query}
        fields={[
          {
            name: 'state',
            label: say('state'),
            kind: 'select',
            options: STATES.map((value) => ({ value, label: nameOf('state', value) })),
          },
          { name: 'source_id', label: say('source') },
          { name: 'merchant_id', label: say('merchant') },
        ]}
        choose={(typed) => go(addressOf(['deliveries'], typed), { replace: true })}
      />
      <Pages
        label={say('deliveries')}
        file="deliveries"
        keyOf={({ delivery_id: id }) => id}
        columns={columns()}
        on={[state, sourceId, merchantId, turn]}
        side={
          state !== undefined &&
          REPLAYED.has(state) &&
          may('deliveries.replayMany') && (
            <ReplayAll state={state as 'failed' | 'parked'} sourceId={sourceId} again={() => setTurn(turn + 1)} />
          )
        }
        ask={(page) => {
          const wanted = given({ state: state as State | undefined, source_id: sourceId, merchant_id: merchantId });
          return answered(api.GET('/v1/deliveries', { params: { query: { ...page, ...wanted } } }));
        }}
      />
    </>
  );
}

interface ReplayAllProps {
  state: 'failed' | 'parked';
  sourceId: string | undefined;
  again: () => void;
}

function ReplayAll({ state, sourceId, again }: ReplayAllProps) {
  const [told, setTold] = useState<string | null>(null);
  const run = async () => {
    const { replayed, more } = await answered(api.POST('/v1/deliveries/replays', { body: { state, ...given({ source_id: sourceId }) } }));
    setTold(say(more ? 'replayed_many_more' : 'replayed_many', { count: count(replayed) }));
    again();
  };
  return (
    <>
      <Act
        label={say('replay_all')}
        act={run}
        confirm={
          <p>
            {say('replay_all_means', { state: nameOf('state', state) })}{' '}
            {sourceId === undefined ? say('of_all_sources') : <Id>{sourceId}</Id>}
          </p>
        }
      />
      {told !== null && <span role="status">{told}</span>}
    </>
  );
}

function columns(): Column<Delivery>[] {
  return [
    {
      title: say('received_at'),
      cell: ({ received_at: at, delivery_id: id }) => (
        <Link to={['deliveries', id]}>
          <Time at={at} />
        </Link>
      ),
      csv: ({ received_at: at }) => at,
    },
    { title: say('delivery'), cell: ({ delivery_id: id }) => <code>{id}</code>, csv: ({ delivery_id: id }) => id },
    { title: say('source'), cell: ({ source_id: id }) => <Id>{id}</Id>, csv: ({ source_id: id }) => id },
    { title: say('merchant'), cell: ({ merchant_id: id }) => <MerchantLink id={id} />, csv: ({ merchant_id: id }) => id },
    { title: say('origin'), cell: ({ origin }) => nameOf('origin', origin), csv: ({ origin }) => nameOf('origin', origin) },
    { title: say('state'), cell: ({ state }) => <StateTag kind="state" code={state} />, csv: ({ state }) => nameOf('state', state) },
    { title: say('why'), cell: (delivery) => <Why of={delivery} />, csv: ({ reason, error }) => error ?? reason },
    { title: say('attempts'), isNumber: true, cell: ({ attempts }) => count(attempts), csv: ({ attempts }) => attempts },
  ];
}

/** Why a delivery is not done, and what it waits for. */
export function Why({ of: { reason, waits_for: waitsFor, error, next_attempt_at: next } }: { of: Delivery }) {
  if (reason === null && waitsFor === null && error === null && next === null) return '–';
  return (
    <ul className="plain">
      {reason !== null && <li>{nameOf('parked', reason)}</li>}
      {waitsFor !== null && (
        <li>
          <Id>{waitsFor}</Id>
        </li>
      )}
      {error !== null && (
        <li>
          <Id>{error}</Id>
        </li>
      )}
      {next !== null && (
        <li>
          {say('next_attempt_at')} <Time at={next} />
        </li>
      )}
    </ul>
  );
}
