// How a rehearsal looks to the world. Amounts are integers of minor units.

import { z } from 'zod';

import { toldExplanation } from '../../core/explanation.ts';
import { ROLES } from '../../core/party.ts';
import { DECISION_KINDS } from '../award/decision.ts';
import { changeSchema } from './changes.ts';
import { EXCLUSIONS } from './recorded-store.ts';
import type { RehearsedLine } from './simulated-order.ts';
import type { ListedOrder } from './simulation-order-store.ts';
import { TOLD_SUMS_MAX, type SimulationResult } from './simulation-result.ts';
import { SIMULATION_STATES, type Simulation } from './simulation-store.ts';
import { TOLD_LINES_MAX } from './simulator.ts';

const both = {
  before: z.bigint().meta({ description: 'As it is booked: accrued less taken back.' }),
  after: z.bigint().meta({ description: 'As it would be under the changes.' }),
};
const moved = z.bigint().meta({ description: 'By how much the shares of all who earn on it differ, more or less, in all.' });

export const lineSide = z
  .object({
    decision: z.enum(DECISION_KINDS),
    rule_id: z.string().nullable().meta({ description: 'A new rule of the changes is called `changes.N` by its place among them.' }),
    rule_version: z.int().nullable(),
    promoter_id: z.string().nullable(),
    commission: z.bigint().meta({ description: 'All shares of the line.' }),
    arithmetic: toldExplanation.arithmetic,
  })
  .meta({ id: 'SimulatedLine' });

const names = { merchant_id: z.string(), source_id: z.string(), order_id: z.string() };

const simulatedOrder = z
  .object({
    ...names,
    ...both,
    moved,
    lines: z.array(z.object({ line_id: z.string(), before: lineSide.nullable(), after: lineSide })),
    lines_more: z.int().meta({ description: `Lines after the first ${TOLD_LINES_MAX}, which are not told.` }),
  })
  .meta({ id: 'SimulatedOrder' });

export const changedOrder = z
  .object({ ...names, attribution_at: z.date().nullable(), ...both, moved })
  .meta({ id: 'ChangedOrder', description: 'An order that would earn otherwise.' });

const more = (what: string) => z.int().meta({ description: `Further ${what}.` });

const found = {
  orders: z.int().meta({ description: 'Orders that are in the sums.' }),
  lines: z.int(),
  changed_orders: z.int().meta({ description: 'How many of them would earn otherwise, in all or one party with another.' }),
  excluded: z.array(z.object({ reason: z.enum(EXCLUSIONS), orders: z.int() })).meta({
    description: 'Orders of the period that are in no sum: they wait for their award, are in another currency, or moved on meanwhile.',
  }),
  commission_before: z.bigint().meta({ description: 'All shares as they are booked, the platform’s too.' }),
  commission_after: z.bigint().meta({ description: 'All shares under the changes.' }),
  by_promoter: z
    .array(z.object({ promoter_id: z.string().nullable().meta({ description: 'Null: the platform.' }), ...both }))
    .meta({ description: `Those who gain or lose most first, at most ${TOLD_SUMS_MAX}.` }),
  by_role: z.array(z.object({ role: z.enum(ROLES), ...both })).meta({ description: 'By what the shares are had as.' }),
  by_product: z
    .array(z.object({ merchant_id: z.string(), product_id: z.string().nullable(), ...both }))
    .meta({ description: `Those that change most first, at most ${TOLD_SUMS_MAX}.` }),
  by_day: z
    .array(z.object({ day: z.iso.date().meta({ description: 'YYYY-MM-DD.' }), ...both }))
    .meta({ description: 'By the day of the attribution time in the time zone of the merchant.' }),
  more: z
    .object({ by_promoter: more('promoters'), by_product: more('products'), by_day: more('days') })
    .meta({ description: 'How many there are beyond those that are told.' }),
  most_changed: z.array(simulatedOrder).meta({ description: 'The twenty orders that change most, with both arithmetics.' }),
};

export const simulationAnswer = z
  .object({
    simulation_id: z.string().meta({ description: 'The rehearsal, by an id of ours.' }),
    state: z.enum(SIMULATION_STATES).meta({ description: '`running` also while it waits for others to end.' }),
    made_at: z.date(),
    started_at: z.date().nullable().meta({ description: 'Null while it waits. One whose worker was killed is begun anew.' }),
    finished_at: z.date().nullable(),
    progress: z
      .object({
        orders: z.bigint().meta({ description: 'Orders that were looked at.' }),
        of: z.bigint().nullable().meta({ description: 'How many there are to look at; null until they are listed.' }),
      })
      .meta({ description: 'How far it has come.' }),
    query: z
      .object({
        changes: z.array(changeSchema),
        from: z.date(),
        to: z.date(),
        merchant_id: z.string().nullable(),
        currency: z.string(),
      })
      .meta({ description: 'As it was understood.' }),
    error: z.string().nullable(),
    ...z.object(found).partial().shape,
  })
  .meta({ id: 'RuleSimulation' });

type Answer = z.output<typeof simulationAnswer>;

export function showSimulation(one: Simulation): Answer {
  const { simulationId, changes, merchantId, from, to, currency } = one;
  return {
    simulation_id: simulationId,
    state: one.state,
    made_at: one.madeAt,
    started_at: one.startedAt,
    finished_at: one.finishedAt,
    progress: { orders: one.ordersDone, of: one.ordersOf },
    query: { changes: changes as Answer['query']['changes'], from, to, merchant_id: merchantId, currency },
    error: one.error,
    ...(one.result !== null && showResult(one.result)),
  };
}

const amounts = ({ before, after }: { before: string; after: string }) => ({ before: BigInt(before), after: BigInt(after) });

function showResult({ sums, most_changed: most, before, after, ...counts }: SimulationResult): z.output<z.ZodObject<typeof found>> {
  return {
    ...counts,
    commission_before: BigInt(before),
    commission_after: BigInt(after),
    by_promoter: sums.promoter.told.map((sum) => ({ promoter_id: sum.name || null, ...amounts(sum) })),
    by_role: sums.role.told.map((sum) => ({ role: sum.name as (typeof ROLES)[number], ...amounts(sum) })),
    by_product: sums.product.told.map((sum) => ({ merchant_id: sum.merchant_id, product_id: sum.name || null, ...amounts(sum) })),
    by_day: sums.day.told.map((sum) => ({ day: sum.name, ...amounts(sum) })),
    more: { by_promoter: sums.promoter.more, by_product: sums.product.more, by_day: sums.day.more },
    most_changed: most.map((order) => ({
      merchant_id: order.merchant_id,
      source_id: order.source_id,
      order_id: order.order_id,
      ...amounts(order),
      moved: BigInt(order.moved),
      lines: order.lines.map((line) => ({
        line_id: line.line_id,
        before: line.before === null ? null : showLine(line.before),
        after: showLine(line.after),
      })),
      lines_more: order.lines_more,
    })),
  };
}

const showLine = (line: RehearsedLine) => ({ ...line, commission: BigInt(line.commission) });

export const showChangedOrder = (order: ListedOrder): z.output<typeof changedOrder> => ({
  merchant_id: order.merchantId,
  source_id: order.sourceId,
  order_id: order.orderId,
  attribution_at: order.attributionAt,
  before: order.before,
  after: order.after,
  moved: order.moved,
});
