// One order: what is known of it, what each line earns and why, what was booked for it, and what
// happened when.

import { useState } from 'react';
import { Button } from 'tdesign-react';

import { plainDecimal } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Loaded, Nothing, useAsked } from '../parts/asked.tsx';
import type { PageProps } from '../parts/place.ts';
import { nameOf, Say, say } from '../parts/say.tsx';
import { Table, type Column } from '../parts/table.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Amount, Facts, Id, Link, MerchantLink, PromoterLink, Section, Time } from '../parts/values.tsx';
import { Standing } from './orders.tsx';
import { roleOf, storyOf, verdictOn } from './story.ts';
import { Timeline } from './timeline.tsx';

type Explanation = Schemas['Explanation'];
type ExplainedLine = Explanation['lines'][number];
type Transfer = Explanation['transfers'][number];
type OrderLine = Explanation['order']['lines'][number];

export function OrderPage({ params, query }: PageProps) {
  const { source_id: sourceId = '', order_id: orderId = '' } = params;
  const asked = useAsked(async () => {
    const merchant = query['merchant_id'] === undefined ? {} : { merchant_id: query['merchant_id'] };
    const path = { source_id: sourceId, order_id: orderId };
    const whole = await answered(api.GET('/v1/orders/{source_id}/{order_id}/explanation', { params: { path, query: merchant } }));
    for (let cursor = whole.next_cursor; cursor !== null;) {
      const next = { path, query: { ...merchant, cursor } };
      const more: Explanation = await answered(api.GET('/v1/orders/{source_id}/{order_id}/explanation', { params: next }));
      whole.lines.push(...more.lines);
      cursor = more.next_cursor;
    }
    return whole;
  }, [sourceId, orderId, query['merchant_id']]);
  return (
    <>
      <h1>
        {say('order')} <Id>{orderId}</Id>
      </h1>
      <Loaded asked={asked}>{(explanation) => <Whole explanation={explanation} />}</Loaded>
    </>
  );
}

function Whole({ explanation }: { explanation: Explanation }) {
  const { order, lines, transfers, evidence_more: more } = explanation;
  const why = new Map(lines.map((line) => [line.line_id, line]));
  return (
    <>
      <Head order={order} />
      <Lines lines={order.lines} why={why} currency={order.currency} />
      {more > 0 && <Nothing>{say('evidence_more', { count: more })}</Nothing>}
      <Section title={say('ledger')}>
        <Table label={say('ledger')} rows={transfers} columns={transferColumns()} keyOf={({ transfer_id: id }) => id} />
      </Section>
      <Section title={say('timeline')}>
        <Timeline explanation={explanation} />
      </Section>
      <Section title={say('deliveries')}>
        <Deliveries of={explanation.deliveries} />
      </Section>
    </>
  );
}

function Head({ order }: { order: Explanation['order'] }) {
  const { currency, totals } = order;
  return (
    <section className="card">
      <Facts
        of={[
          [say('merchant'), <MerchantLink key="m" id={order.merchant_id} />],
          [say('source'), <Id key="s">{order.source_id}</Id>],
          [say('status'), <Standing key="t" of={order} />],
          order.void === false ? null : [say('void_because'), <Id key="v">{order.void.reason}</Id>],
          [say('created_at'), <Time key="c" at={order.created_at} />],
          [say('paid_at'), <Time key="p" at={order.paid_at} />],
          [say('completed_at'), <Time key="d" at={order.completed_at} />],
          order.released_at === null
            ? [say('releases_at'), <Time key="r" at={order.releases_at} />]
            : [say('released_at'), <Time key="r" at={order.released_at} />],
          [
            say('earned'),
            totals.length === 0 ? (
              '–'
            ) : (
              <ul className="plain" key="e">
                {totals.map(({ promoter_id: who, amount }) => (
                  <li key={who}>
                    <PromoterLink id={who} /> <Amount of={amount} currency={currency} />
                  </li>
                ))}
              </ul>
            ),
          ],
        ]}
      />
    </section>
  );
}

/** So many lines are shown at first; an order may have thousands. */
const LINES_SHOWN = 20;

function Lines({ lines, why, currency }: { lines: OrderLine[]; why: Map<string, ExplainedLine>; currency: string | null }) {
  const [shown, setShown] = useState(LINES_SHOWN);
  return (
    <>
      {lines.slice(0, shown).map((line) => (
        <Line key={line.line_id} line={line} why={why.get(line.line_id)} currency={currency} />
      ))}
      {lines.length > shown && (
        <Button variant="outline" onClick={() => setShown(shown + LINES_SHOWN)}>
          {say('more_lines')}
        </Button>
      )}
    </>
  );
}

/** `why` is undefined until the line was decided for the first time. */
function Line({ line, why, currency }: { line: OrderLine; why: ExplainedLine | undefined; currency: string | null }) {
  const columns: Column<OrderLine['shares'][number]>[] = [
    { title: say('role'), cell: (share) => roleOf(share) },
    { title: say('promoter'), cell: (share) => <PromoterLink id={share.promoter_id} /> },
    { title: say('net'), isNumber: true, cell: (share) => <Amount of={share.amount} currency={currency} /> },
  ];
  return (
    <Section title={say('line', { line: line.line_id })}>
      {why !== undefined && verdictOn(why).map(([word, values]) => <p key={word}>{<Say word={word} values={values} />}</p>)}
      <Facts
        of={[
          [say('product'), <Id key="p">{line.product_id}</Id>],
          [say('quantity'), line.quantity],
          [say('paid'), <Amount key="a" of={line.paid_amount} currency={currency} />],
          [say('refunded'), <Amount key="r" of={line.refunded_amount} currency={currency} />],
          [say('decision'), <StateTag key="d" kind="decision" code={line.decision} />],
          [say('status'), <StateTag key="w" kind="award" code={line.award} />],
          [say('pool'), <Amount key="o" of={line.pool} currency={currency} />],
        ]}
      />
      {line.shares.length > 0 && (
        <>
          <h3>{say('shares')}</h3>
          <Table label={say('shares')} rows={line.shares} columns={columns} keyOf={(share) => JSON.stringify(share)} />
        </>
      )}
      {why !== undefined && <Story of={why} currency={currency} />}
    </Section>
  );
}

function Story({ of: why, currency }: { of: ExplainedLine; currency: string | null }) {
  return (
    <div className="story">
      {storyOf(why, currency).map(({ title, sentences }) => (
        <div key={title}>
          <h3>{say(title)}</h3>
          <ol>
            {sentences.map(([word, values], index) => (
              <li key={index}>
                <Say word={word} values={values} />
              </li>
            ))}
          </ol>
        </div>
      ))}
    </div>
  );
}

function transferColumns(): Column<Transfer>[] {
  return [
    { title: say('time'), cell: ({ booked_at: at }) => <Time at={at} />, csv: ({ booked_at: at }) => at },
    { title: say('why'), cell: ({ kind }) => nameOf('transfer', kind), csv: ({ kind }) => nameOf('transfer', kind) },
    { title: say('line_short'), cell: ({ line_id: line }) => <Id>{line}</Id>, csv: ({ line_id: line }) => line },
    { title: say('role'), cell: (transfer) => roleOf(transfer), csv: (transfer) => roleOf(transfer) },
    { title: say('promoter'), cell: ({ promoter_id: id }) => <PromoterLink id={id} />, csv: ({ promoter_id: id }) => id },
    {
      title: say('from_to'),
      cell: ({ from, to }) => `${nameOf('account', from)} → ${nameOf('account', to)}`,
      csv: ({ from, to }) => `${nameOf('account', from)} → ${nameOf('account', to)}`,
    },
    {
      title: say('amount'),
      isNumber: true,
      cell: ({ amount, currency }) => <Amount of={amount} currency={currency} />,
      csv: ({ amount, currency }) => ({ number: plainDecimal(amount, currency) }),
    },
  ];
}

function Deliveries({ of: deliveries }: { of: Explanation['deliveries'] }) {
  const columns: Column<Explanation['deliveries'][number]>[] = [
    { title: say('received_at'), cell: ({ received_at: at }) => <Time at={at} /> },
    { title: say('source'), cell: ({ source_id: id }) => <Id>{id}</Id> },
    { title: say('origin'), cell: ({ origin }) => nameOf('origin', origin) },
    { title: say('state'), cell: ({ state }) => <StateTag kind="state" code={state} /> },
    {
      title: say('delivery'),
      cell: ({ delivery_id: id }) => (
        <Link to={['deliveries', id]}>
          <code>{id}</code>
        </Link>
      ),
    },
  ];
  return <Table label={say('deliveries')} rows={deliveries} columns={columns} keyOf={({ delivery_id: id }) => id} />;
}
