// Statistics: what was clicked, ordered and earned, in time and by whom, as it is now.

import { lazy, Suspense, useMemo } from 'react';

import { count, percent, plainDecimal, sumOf } from '../parts/amounts.ts';
import { answered, api } from '../parts/api.ts';
import { Loaded, Nothing, useAsked, Waiting } from '../parts/asked.tsx';
import { Filters, type Field } from '../parts/form.tsx';
import { addressOf, go, type PageProps } from '../parts/place.ts';
import { nameOf, say } from '../parts/say.tsx';
import { Pages, Table, type Column } from '../parts/table.tsx';
import { Amount, Id, Link, MerchantLink, moment, PromoterLink, Section, Time } from '../parts/values.tsx';
import {
  BUCKETS,
  filterOf,
  groupOf,
  GROUPS,
  KEYS,
  placeOf,
  type Bucket,
  type FigureRow,
  type Figures,
  type Group,
} from './asked-figures.ts';
import { FunnelSection } from './funnel.tsx';
import { sumsOf, useLiveFigures } from './live-figures.ts';

const Chart = lazy(async () => ({ default: (await import('./chart.tsx')).Chart }));

const STREAM_DAYS_MAX = 7;
const DAY_MS = 24 * 60 * 60 * 1000;

export function StatisticsPage({ query }: PageProps) {
  const place = useMemo(() => placeOf(query), [query]);
  const bucket = BUCKETS.find((one) => one === query['bucket']) ?? 'day';
  const groups = [groupOf(query['group']), groupOf(query['second'])].filter((group, index, all) => {
    return group !== undefined && all.indexOf(group) === index;
  }) as Group[];
  return (
    <>
      <h1>{say('statistics')}</h1>
      <Filters
        key={JSON.stringify(query)}
        fields={fields()}
        query={query}
        choose={(typed) => go(addressOf(['statistics'], typed), { replace: true })}
      />
      <InTime place={place} bucket={bucket} />
      <FunnelSection place={place} />
      {groups.length > 0 && <ByGroup place={place} groups={groups} chosen={query} />}
    </>
  );
}

type Place = ReturnType<typeof placeOf>;

function fields(): Field[] {
  const groups = GROUPS.map((value) => ({ value, label: nameOf('group', value) }));
  return [
    { name: 'merchant_id', label: say('merchant') },
    { name: 'promoter_id', label: say('promoter') },
    { name: 'from', label: say('from_day'), kind: 'date' },
    { name: 'to', label: say('to_day'), kind: 'date' },
    { name: 'bucket', label: say('bucket'), kind: 'select', options: BUCKETS.map((value) => ({ value, label: nameOf('bucket', value) })) },
    { name: 'group', label: say('group_by'), kind: 'select', options: groups },
    { name: 'second', label: say('group_by_too'), kind: 'select', options: groups },
    { name: 'basis', label: say('basis'), kind: 'select', options: [{ value: 'booking', label: say('basis_booking') }] },
  ];
}

/** The figures of all, bucket by bucket; live while the time is short enough to be streamed. */
function InTime({ place, bucket }: { place: Place; bucket: Bucket }) {
  const isShort = Date.parse(place.to ?? new Date().toISOString()) - Date.parse(place.from) <= STREAM_DAYS_MAX * DAY_MS;
  const live = useLiveFigures(isShort ? new URLSearchParams({ ...place, bucket }).toString() : null);
  const asked = useAsked(async () => answered(api.GET('/v1/statistics', { params: { query: { ...place, bucket } } })), [place, bucket]);
  return (
    <Loaded asked={asked}>
      {(answer) => {
        // It would be a text only where a table was asked for.
        const { data, totals, watermark } = answer as Exclude<typeof answer, string>;
        const rows = live?.rows ?? data;
        return (
          <Section
            title={say('in_time')}
            side={
              <span className="faint" role="status">
                {say(live === null ? 'as_of' : 'live_as_of', { time: moment(live?.watermark ?? watermark) })}
              </span>
            }
          >
            <Table
              label={say('totals')}
              rows={live === null ? totals : sumsOf(rows)}
              keyOf={({ currency }) => currency}
              columns={figureColumns()}
            />
            <Charts rows={rows} />
            <details>
              <summary>{say('as_table')}</summary>
              <Table
                label={say('in_time')}
                rows={rows}
                keyOf={({ bucket: at, currency }) => JSON.stringify([at, currency])}
                columns={[{ title: say('time'), cell: ({ bucket: at }) => <Time at={at} /> }, ...figureColumns<FigureRow>()]}
              />
            </details>
          </Section>
        );
      }}
    </Loaded>
  );
}

function Charts({ rows }: { rows: readonly FigureRow[] }) {
  const currencies = [...new Set(rows.map(({ currency }) => currency))];
  if (rows.length === 0) return <Nothing />;
  return currencies.map((currency) => <ChartOf key={currency} currency={currency} rows={rows} />);
}

function ChartOf({ currency, rows }: { currency: string; rows: readonly FigureRow[] }) {
  const [times, lines] = useMemo(() => {
    const own = rows.filter((row) => row.currency === currency && row.bucket !== null);
    return [
      own.map(({ bucket }) => bucket!),
      [
        { label: say('clicks'), values: own.map(({ clicks }) => clicks ?? 0) },
        { label: say('orders'), values: own.map(({ orders }) => orders ?? 0) },
        {
          label: `${say('commission')} ${currency}`,
          values: own.map((row) => Number(plainDecimal(commissionOf(row), currency))),
          isRight: true,
        },
      ],
    ];
  }, [currency, rows]);
  return (
    <Suspense fallback={<Waiting />}>
      <Chart times={times} lines={lines} label={say('chart_of', { currency })} />
    </Suspense>
  );
}

/** The figures of each group, whoever earned most first; each cell opens to what it counts. */
function ByGroup({ place, groups, chosen }: { place: Place; groups: readonly Group[]; chosen: PageProps['query'] }) {
  return (
    <Section title={say('by_group')}>
      <Pages
        label={say('by_group')}
        file="statistics"
        on={[place, groups.join()]}
        keyOf={(row) => JSON.stringify([row.currency, ...groups.map((group) => row[KEYS[group]])])}
        columns={[
          ...groups.map((group) => keyColumn(group)),
          ...figureColumns<FigureRow>((row) => ({ ...chosen, ...keysOf(row, groups) })),
        ]}
        ask={async (page) => {
          const query = { ...place, ...page, bucket: 'none' as const, group_by: groups.join() };
          const answer = await answered(api.GET('/v1/statistics', { params: { query } }));
          return answer as Exclude<typeof answer, string>;
        }}
      />
    </Section>
  );
}

const keysOf = (row: FigureRow, groups: readonly Group[]) =>
  Object.fromEntries(groups.map((group) => [KEYS[group], filterOf(row[KEYS[group]])]));

function keyColumn(group: Group): Column<FigureRow> {
  const value = (row: FigureRow) => row[KEYS[group]];
  return {
    title: nameOf('group', group),
    cell: (row) => {
      const key = value(row);
      if (key === null || key === undefined) return say('without_one');
      if (group === 'promoter' || group === 'agency') return <PromoterLink id={String(key)} />;
      return group === 'merchant' ? <MerchantLink id={String(key)} /> : <Id>{String(key)}</Id>;
    },
    csv: (row) => (value(row) === null ? null : String(value(row))),
  };
}

const commissionOf = (row: Figures): bigint =>
  sumOf([row.commission_estimated ?? 0, row.commission_confirmed ?? 0, row.commission_released ?? 0]);

type AmountMeasure = 'paid_amount' | 'commission_estimated' | 'commission_confirmed' | 'commission_released';

function amount<Row extends Figures>(measure: AmountMeasure): Column<Row> {
  return {
    title: nameOf('measure', measure),
    isNumber: true,
    cell: (row) => <Amount of={row[measure] ?? 0} currency={row.currency} />,
    csv: (row) => ({ number: plainDecimal(row[measure] ?? 0, row.currency) }),
  };
}

/** Counts and amounts; `openTo` says by which query the facts behind a cell are asked for. */
function figureColumns<Row extends Figures>(openTo?: (row: Row) => Record<string, string>): Column<Row>[] {
  const opened = (row: Row, measure: string, shown: string) =>
    openTo === undefined ? (
      shown
    ) : (
      <Link to={['statistics', 'rows']} query={{ ...openTo(row), currency: row.currency, measure }}>
        {shown}
      </Link>
    );
  const counted = (measure: 'clicks' | 'orders' | 'refunds'): Column<Row> => ({
    title: say(measure),
    isNumber: true,
    cell: (row) => opened(row, measure, count(row[measure] ?? 0)),
    csv: (row) => ({ number: String(row[measure] ?? 0) }),
  });
  return [
    counted('clicks'),
    counted('orders'),
    amount('paid_amount'),
    amount('commission_estimated'),
    amount('commission_confirmed'),
    amount('commission_released'),
    {
      title: say('conversion'),
      isNumber: true,
      cell: ({ conversion_ppm: ppm }) => (ppm === null || ppm === undefined ? '–' : percent(ppm)),
      csv: ({ conversion_ppm: ppm }) => (ppm === null || ppm === undefined ? null : percent(ppm)),
    },
    { title: say('currency'), cell: ({ currency }) => currency, csv: ({ currency }) => currency },
  ];
}
