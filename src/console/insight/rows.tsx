// What a figure counts: the orders, clicks, links or bookings behind one cell of the statistics.

import { count } from '../parts/amounts.ts';
import { answered, api, type Schemas } from '../parts/api.ts';
import type { PageProps } from '../parts/place.ts';
import { say } from '../parts/say.tsx';
import { Pages, type Column } from '../parts/table.tsx';
import { Id, MerchantLink, OrderLink, PromoterLink, Time } from '../parts/values.tsx';
import { placeOf } from './asked-figures.ts';

type Fact = Schemas['StatisticsFact'];

const MEASURES = ['clicks', 'orders', 'refunds'] as const;

export function FigureRowsPage({ query }: PageProps) {
  const measure = MEASURES.find((one) => one === query['measure']) ?? 'orders';
  const place = placeOf(query);
  return (
    <>
      <h1>{say('rows_behind', { measure: say(measure) })}</h1>
      <Pages
        label={say('rows_behind', { measure: say(measure) })}
        file={`statistics-${measure}`}
        on={[JSON.stringify(query)]}
        keyOf={(fact) => JSON.stringify([fact.click_id, fact.merchant_id, fact.source_id, fact.order_id, fact.line_id, fact.promoter_id])}
        columns={columns()}
        ask={(page) => asked({ ...place, ...page, bucket: 'none', measure })}
      />
    </>
  );
}

type RowsQuery = Parameters<typeof rowsOf>[0];

async function asked(query: RowsQuery) {
  const answer = await rowsOf(query);
  // It would be a text only where a table was asked for.
  return answer as Exclude<typeof answer, string>;
}

function rowsOf(
  query: ReturnType<typeof placeOf> & { cursor?: string; limit: number; bucket: 'none'; measure: (typeof MEASURES)[number] },
) {
  return answered(api.GET('/v1/statistics/rows', { params: { query } }));
}

function columns(): Column<Fact>[] {
  return [
    { title: say('time'), cell: ({ at }) => <Time at={at} />, csv: ({ at }) => at },
    {
      title: say('order'),
      cell: ({ source_id: source, order_id: order, merchant_id: merchant }) =>
        source === null || order === null ? '–' : <OrderLink order={{ source_id: source, order_id: order, merchant_id: merchant }} />,
      csv: ({ order_id: order }) => order,
    },
    { title: say('source'), cell: ({ source_id: source }) => <Id>{source}</Id>, csv: ({ source_id: source }) => source },
    { title: say('merchant'), cell: ({ merchant_id: id }) => <MerchantLink id={id} />, csv: ({ merchant_id: id }) => id },
    {
      title: say('promoter'),
      cell: ({ promoter_id: id }) => (id === null ? '–' : <PromoterLink id={id} />),
      csv: ({ promoter_id: id }) => id,
    },
    { title: say('link'), cell: ({ link_code: code }) => <Id>{code}</Id>, csv: ({ link_code: code }) => code },
    { title: say('adds'), isNumber: true, cell: ({ value }) => count(value), csv: (fact) => ({ number: String(fact.value) }) },
    { title: say('currency'), cell: ({ currency }) => currency, csv: ({ currency }) => currency },
  ];
}
