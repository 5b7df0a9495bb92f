// A change of a rule before it is dared: who would have gained and who would have lost by it, on
// the very orders of the demo.

import type { components } from '../../client/api.ts';
import type { FenyongClient } from '../../client/client.ts';
import { readUntil, type Books } from './readings.ts';
import { table, yuan } from './table.ts';

type Rehearsal = components['schemas']['RuleSimulation'];

const CHANGED = '默认 10%';
const RATE_PPM = 80_000;
const FROM = '2000-01-01T00:00:00Z';
const TO = '2100-01-01T00:00:00Z';

/** Rehearses eight percent where the rule for everything pays ten, and reads what comes of it. */
export async function rehearse(api: FenyongClient, { rules }: Books, signal: AbortSignal): Promise<Rehearsal> {
  const rule = rules.find(({ name }) => name === CHANGED)!;
  const changes = [{ rule_id: rule.rule_id, plan: { ...rule.plan, rate_ppm: RATE_PPM } }];
  const { data: asked } = await api.POST('/v1/rule-simulations', { body: { changes, from: FROM, to: TO, currency: 'CNY' } });
  const path = { simulation_id: asked.simulation_id };
  const read = async () => (await api.GET('/v1/rule-simulations/{simulation_id}', { params: { path } })).data;
  return readUntil(signal, read, ({ state }) => state !== 'running');
}

/** What the rehearsal found, as the demo prints it. */
export function rehearsalSection({ orders = 0, changed_orders: changed = 0, by_promoter: promoters = [], ...sums }: Rehearsal): string {
  const columns = [{ title: 'promoter' }, ...['now', 'at 8 %', 'difference'].map((title) => ({ title, right: true }))];
  const rows = promoters
    .filter(({ before, after }) => before !== after)
    .map(({ promoter_id, before, after }) => [promoter_id ?? 'the platform', yuan(before), yuan(after), yuan(after - before)]);
  const [before = 0, after = 0] = [sums.commission_before, sums.commission_after];
  const told = table(columns, [...rows, ['all commission', yuan(before), yuan(after), yuan(after - before)]]);
  const words = `${changed} of ${orders} orders would have earned otherwise; nothing of it is booked.`;
  return `\n8. A rehearsal: what if “${CHANGED}” had been 8 %?\n\n${told}\n${words}\n`;
}

/** What is not as it must be: a rehearsal begins with what is booked. */
export function rehearsalDifferences({ state, commission_before: before }: Rehearsal, { orders }: Books): string[] {
  const booked = orders.flatMap(({ lines }) => lines.flatMap(({ shares }) => shares)).reduce((sum, { amount }) => sum + amount, 0);
  if (state === 'done' && before === booked) return [];
  return [`the rehearsal is ${state} and begins with ${before}, where ${booked} is booked`];
}
