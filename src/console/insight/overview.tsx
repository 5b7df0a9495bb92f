// The first page: what is the matter and what to do, today's figures, the books, and what was not
// processed.

import { count, money, sumOf } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, Nothing, useAsked } from '../parts/asked.tsx';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Table } from '../parts/table.tsx';
import { ToneTag } from '../parts/tags.tsx';
import { Amount, Link, Section } from '../parts/values.tsx';
import { GuardCard } from '../platform/guards.tsx';

type Order = Schemas['Order'];

export function OverviewPage() {
  const may = useMay();
  return (
    <>
      <h1>{say('overview')}</h1>
      {may('guards.list') && <Raised />}
      {may('orders.list') && <Today />}
      {may('deliveries.list') && <NotProcessed />}
      {may('ledger.trialBalance') && <TrialBalances />}
    </>
  );
}

function Raised() {
  const asked = useAsked(() => answered(api.GET('/v1/guards')), []);
  return (
    <Section title={say('what_is_the_matter')} side={<Link to={['guards']}>{say('all_guards')}</Link>}>
      <Loaded asked={asked}>
        {({ ok, data }) => (
          <>
            <ToneTag tone={ok ? 'good' : 'bad'}>{say(ok ? 'laws_hold' : 'law_broken')}</ToneTag>
            {data.every((guard) => guard.ok) && <Nothing>{say('nothing_raised')}</Nothing>}
            {data
              .filter((guard) => !guard.ok)
              .map((guard) => (
                <GuardCard key={guard.name} guard={guard} />
              ))}
          </>
        )}
      </Loaded>
    </Section>
  );
}

/** So many of today's orders are added up here; the figures say when there are more. */
const ORDERS_READ_MAX = 1000;
const PAGE_LENGTH = 200;

interface Figures {
  currency: string | null;
  orders: number;
  paid: bigint;
  commission: bigint;
}

async function figuresOfToday(): Promise<{ figures: Figures[]; more: boolean }> {
  const from = new Date(new Date().setHours(0, 0, 0, 0)).toISOString();
  const orders: Order[] = [];
  let cursor: string | null = '';
  while (cursor !== null && orders.length < ORDERS_READ_MAX) {
    const query = { from, limit: PAGE_LENGTH, ...(cursor !== '' && { cursor }) };
    const page: { data: Order[]; next_cursor: string | null } = await answered(api.GET('/v1/orders', { params: { query } }));
    orders.push(...page.data);
    cursor = page.next_cursor;
  }
  const figures = [...new Set(orders.map(({ currency }) => currency))].map((currency) =>
    figuresOf(
      currency,
      orders.filter((order) => order.currency === currency),
    ),
  );
  return { figures, more: cursor !== null };
}

function figuresOf(currency: string | null, all: readonly Order[]): Figures {
  return {
    currency,
    orders: all.length,
    paid: sumOf(all.flatMap(({ lines }) => lines.map((line) => line.paid_amount))),
    commission: sumOf(all.flatMap(({ totals }) => totals.map(({ amount }) => amount))),
  };
}

function Today() {
  const asked = useAsked(figuresOfToday, []);
  const zone = new Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <Section title={say('figures_of_today')} side={<span className="faint">{say('since_midnight', { zone })}</span>}>
      <Loaded asked={asked}>
        {({ figures, more }) => (
          <>
            {figures.length === 0 && <Nothing>{say('no_orders_today')}</Nothing>}
            {more && <Nothing>{say('more_than_counted', { count: count(ORDERS_READ_MAX) })}</Nothing>}
            {figures.map(({ currency, orders, paid, commission }) => (
              <div className="cards" key={currency}>
                <Figure title={say('orders_paid')} value={count(orders)} />
                <Figure title={say('paid')} value={money(paid, currency)} />
                <Figure title={say('commission')} value={money(commission, currency)} />
              </div>
            ))}
          </>
        )}
      </Loaded>
    </Section>
  );
}

function Figure({ title, value }: { title: string; value: string }) {
  return (
    <div className="card">
      <div className="faint">{title}</div>
      <div className="figure">{value}</div>
    </div>
  );
}

const STATES = ['parked', 'failed'] as const;
const COUNTED = 200;

function NotProcessed() {
  const asked = useAsked(
    () =>
      Promise.all(
        STATES.map(async (state) => {
          const { data, next_cursor: next } = await answered(api.GET('/v1/deliveries', { params: { query: { state, limit: COUNTED } } }));
          return { state, told: next === null ? count(data.length) : `${count(data.length)}+` };
        }),
      ),
    [],
  );
  return (
    <Section title={say('not_processed')}>
      <Loaded asked={asked}>
        {(states) => (
          <div className="cards">
            {states.map(({ state, told }) => (
              <div className="card" key={state}>
                <Link to={['deliveries']} query={{ state }}>
                  {nameOf('state', state)}
                </Link>
                <div className="figure">{told}</div>
              </div>
            ))}
          </div>
        )}
      </Loaded>
    </Section>
  );
}

function TrialBalances() {
  const asked = useAsked(() => answered(api.GET('/v1/ledger/trial-balance')), []);
  return (
    <Section title={say('trial_balance')}>
      <Loaded asked={asked}>
        {({ data }) => (data.length === 0 ? <Nothing /> : data.map((trial) => <TrialBalance key={trial.currency} trial={trial} />))}
      </Loaded>
    </Section>
  );
}

function TrialBalance({ trial: { currency, accounts, sum } }: { trial: Schemas['TrialBalance'] }) {
  const isBalanced = BigInt(sum) === 0n;
  return (
    <>
      <h3>{currency}</h3>
      <Table
        label={`${say('trial_balance')} ${currency}`}
        rows={accounts}
        keyOf={({ kind }) => kind}
        columns={[
          { title: say('account'), cell: ({ kind }) => nameOf('account', kind) },
          { title: say('balance'), isNumber: true, cell: ({ balance }) => <Amount of={balance} currency={currency} /> },
        ]}
      />
      <p>
        {say('sum')}: <Amount of={sum} currency={currency} />{' '}
        <ToneTag tone={isBalanced ? 'good' : 'bad'}>{say(isBalanced ? 'balanced' : 'unbalanced')}</ToneTag>
      </p>
    </>
  );
}
