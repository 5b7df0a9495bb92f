// One promoter: who it is, whom it stands below and above, what it has, and how it came to that.

import { plainDecimal } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, useAsked } from '../parts/asked.tsx';
import type { PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { useMay } from '../parts/session.ts';
import { Pages, Table, type Column } from '../parts/table.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Amount, Facts, Id, Link, OrderLink, Section, Time } from '../parts/values.tsx';
import { roleOf } from '../orders/story.ts';
import { PromoterForm } from './promoter-form.tsx';
import { PromoterOrNone } from './promoters.tsx';
import { Tree } from './tree.tsx';

type Promoter = Schemas['Promoter'];

export function PromoterPage({ params }: PageProps) {
  const { promoter_id: id = '' } = params;
  const may = useMay();
  const asked = useAsked(() => answered(api.GET('/v1/promoters/{promoter_id}', { params: { path: { promoter_id: id } } })), [id]);
  return (
    <>
      <h1>
        {say('promoter')} <Id>{id}</Id>
      </h1>
      <Loaded asked={asked}>
        {(promoter) => (
          <>
            <Head of={promoter} />
            {may('promoters.put') && (
              <details>
                <summary>{say('edit')}</summary>
                <PromoterForm promoter={promoter} whenSaved={asked.again} />
              </details>
            )}
            {may('promoters.balance') && <Balances id={id} />}
            {may('promoters.entries') && <Entries id={id} />}
            {may('promoters.list') && <Tree promoter={promoter} />}
          </>
        )}
      </Loaded>
    </>
  );
}

function Head({ of: promoter }: { of: Promoter }) {
  const { promoter_id: id, payee, coupon_codes: codes } = promoter;
  return (
    <section className="card">
      <Facts
        of={[
          [say('name'), <Id key="n">{promoter.name}</Id>],
          [say('kind'), nameOf('promoter_kind', promoter.kind)],
          [say('status'), <StateTag key="s" kind="promoter_status" code={promoter.status} />],
          [say('inviter'), <PromoterOrNone key="i" id={promoter.inviter_id} />],
          [say('agency'), <PromoterOrNone key="a" id={promoter.agency_id} />],
          [say('tier'), <Id key="t">{promoter.tier}</Id>],
          [say('payee_kind'), payee === null ? '–' : nameOf('payee', payee.kind)],
          [
            say('coupon_codes'),
            codes.length === 0 ? '–' : codes.map(({ merchant_id: merchant, code }) => `${code} (${merchant})`).join(', '),
          ],
          [say('effective_from'), <Time key="e" at={promoter.effective_from} />],
        ]}
      />
      <p>
        <Link to={['orders']} query={{ promoter_id: id }}>
          {say('orders')}
        </Link>
        {' · '}
        <Link to={['links']} query={{ promoter_id: id }}>
          {say('links')}
        </Link>
      </p>
    </section>
  );
}

const ACCOUNTS = ['pending', 'available', 'paying', 'withheld', 'paid'] as const;

function Balances({ id }: { id: string }) {
  const asked = useAsked(() => answered(api.GET('/v1/promoters/{promoter_id}/balance', { params: { path: { promoter_id: id } } })), [id]);
  const columns: Column<Schemas['Balance']>[] = [
    { title: say('currency'), cell: ({ currency }) => currency },
    ...ACCOUNTS.map((account): Column<Schemas['Balance']> => ({
      title: nameOf('account', account),
      isNumber: true,
      cell: (balance) => <Amount of={balance[account]} currency={balance.currency} />,
    })),
  ];
  return (
    <Section title={say('balance')}>
      <Loaded asked={asked}>
        {({ data }) => <Table label={say('balance')} rows={data} columns={columns} keyOf={({ currency }) => currency} />}
      </Loaded>
    </Section>
  );
}

type Entry = Schemas['Entry'];

function Entries({ id }: { id: string }) {
  return (
    <Section title={say('entries')}>
      <Pages
        label={say('entries')}
        file={`entries-${id}`}
        keyOf={({ transfer_id: transfer, account }) => `${transfer} ${account}`}
        columns={entryColumns()}
        on={[id]}
        ask={(page) => answered(api.GET('/v1/promoters/{promoter_id}/entries', { params: { path: { promoter_id: id }, query: page } }))}
      />
    </Section>
  );
}

function entryColumns(): Column<Entry>[] {
  return [
    { title: say('time'), cell: ({ booked_at: at }) => <Time at={at} />, csv: ({ booked_at: at }) => at },
    { title: say('why'), cell: ({ kind }) => nameOf('transfer', kind), csv: ({ kind }) => nameOf('transfer', kind) },
    { title: say('order'), cell: (entry) => <EntryOrder of={entry} />, csv: ({ order_id: order }) => order },
    { title: say('role'), cell: (entry) => roleOf(entry), csv: (entry) => roleOf(entry) },
    { title: say('account'), cell: ({ account }) => nameOf('account', account), csv: ({ account }) => nameOf('account', account) },
    {
      title: say('amount'),
      isNumber: true,
      cell: ({ amount, currency }) => <Amount of={amount} currency={currency} />,
      csv: ({ amount, currency }) => ({ number: plainDecimal(amount, currency) }),
    },
    {
      title: say('balance_after'),
      isNumber: true,
      cell: ({ balance, currency }) => <Amount of={balance} currency={currency} />,
      csv: ({ balance, currency }) => ({ number: plainDecimal(balance, currency) }),
    },
    { title: say('merchant'), cell: ({ merchant_id: merchant }) => <Id>{merchant}</Id>, csv: ({ merchant_id: merchant }) => merchant },
  ];
}

function EntryOrder({ of: { source_id: source, order_id: order, merchant_id: merchant } }: { of: Entry }) {
  if (source === null || order === null) return '–';
  return <OrderLink order={{ source_id: source, order_id: order, merchant_id: merchant }} />;
}
