// The list of orders, filtered by what stands in the page's address.

import { plainDecimal, sumOf } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import { Filters, type Field } from '../parts/form.tsx';
import { given } from '../parts/given.ts';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { Pages, type Column } from '../parts/table.tsx';
import { StateTag } from '../parts/tags.tsx';
import { Amount, Id, MerchantLink, OrderLink, PromoterLink, Time } from '../parts/values.tsx';

type Order = Schemas['Order'];
type Decision = Order['lines'][number]['decision'];

const DECISIONS = [
  'attributed',
  'unattributed',
  'no_rule',
  'not_commissionable',
  'duplicate_order',
  'parent_earns',
  'void',
  'pending',
] as const satisfies readonly Decision[];

export function OrdersPage({ query }: PageProps) {
  const { merchant_id: merchantId, promoter_id: promoterId, decision, from, to } = query;
  return (
    <>
      <h1>{say('orders')}</h1>
      <Filters
        key={JSON.stringify(query)}
        fields={fields()}
        query={query}
        choose={(typed) => go(addressOf(['orders'], typed), { replace: true })}
      />
      <Pages
        label={say('orders')}
        file="orders"
        columns={columns()}
        keyOf={(order) => JSON.stringify([order.source_id, order.order_id, order.merchant_id])}
        on={[merchantId, promoterId, decision, from, to]}
        ask={(page) => {
          const wanted = given({
            merchant_id: merchantId,
            promoter_id: promoterId,
            decision: decision as Decision | undefined,
            from: from === undefined ? undefined : dayStart(from),
            to: to === undefined ? undefined : dayStart(to),
          });
          return answered(api.GET('/v1/orders', { params: { query: { ...page, ...wanted } } }));
        }}
      />
    </>
  );
}

/** A day of the reader, `2026-12-01`, as the moment in which it begins. */
function dayStart(day: string): string {
  return new Date(`${day}T00:00`).toISOString();
}

function fields(): Field[] {
  return [
    { name: 'merchant_id', label: say('merchant') },
    { name: 'promoter_id', label: say('promoter') },
    {
      name: 'decision',
      label: say('decision'),
      kind: 'select',
      options: DECISIONS.map((value) => ({ value, label: nameOf('decision', value) })),
    },
    { name: 'from', label: say('paid_from'), kind: 'date' },
    { name: 'to', label: say('paid_until'), kind: 'date' },
  ];
}

const paidOf = ({ lines }: Order) => sumOf(lines.map((line) => line.paid_amount));
const commissionOf = ({ totals }: Order) => sumOf(totals.map(({ amount }) => amount));
const winnersOf = ({ lines }: Order) => [...new Set(lines.flatMap(({ promoter_id: winner }) => winner ?? []))];
const decisionsOf = ({ lines }: Order) => [...new Set(lines.map(({ decision }) => decision))];

function columns(): Column<Order>[] {
  return [
    { title: say('order'), cell: (order) => <OrderLink order={order} />, csv: (order) => order.order_id },
    { title: say('source'), cell: (order) => <Id>{order.source_id}</Id>, csv: (order) => order.source_id },
    { title: say('merchant'), cell: (order) => <MerchantLink id={order.merchant_id} />, csv: (order) => order.merchant_id },
    { title: say('paid_at'), cell: (order) => <Time at={order.paid_at} />, csv: (order) => order.paid_at },
    { title: say('status'), cell: (order) => <Standing of={order} />, csv: (order) => nameOf('award', order.award) },
    {
      title: say('decision'),
      cell: (order) => decisionsOf(order).map((code) => <StateTag key={code} kind="decision" code={code} />),
      csv: (order) =>
        decisionsOf(order)
          .map((code) => nameOf('decision', code))
          .join('; '),
    },
    {
      title: say('promoter'),
      cell: (order) => winnersOf(order).map((winner) => <PromoterLink key={winner} id={winner} />),
      csv: (order) => winnersOf(order).join('; '),
    },
    {
      title: say('paid'),
      isNumber: true,
      cell: (order) => <Amount of={paidOf(order)} currency={order.currency} />,
      csv: (order) => ({ number: plainDecimal(paidOf(order), order.currency) }),
    },
    {
      title: say('commission'),
      isNumber: true,
      cell: (order) => <Amount of={commissionOf(order)} currency={order.currency} />,
      csv: (order) => ({ number: plainDecimal(commissionOf(order), order.currency) }),
    },
    { title: say('currency'), cell: ({ currency }) => currency ?? '–', csv: ({ currency }) => currency },
  ];
}

/** How far an order is, and its award with it. */
export function Standing({ of: { status, award } }: { of: Pick<Order, 'status' | 'award'> }) {
  return (
    <>
      <StateTag kind="status" code={status} /> <StateTag kind="award" code={award} />
    </>
  );
}
