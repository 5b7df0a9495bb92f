// The law of the rate notice, over random histories of changes asked for over HTTP: nobody's rate
// is lower than what was visible for it the notice before, and the orders of the time say so too.
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { midnightFrom } from '../../../src/platform/calendar.ts';
import { runs } from '../../runs.ts';
import { openService } from '../stage.ts';
import { openShop, openWorld, SIMPLE_PLAN, type World } from '../world.ts';

let world: World;
let service: Awaited<ReturnType<typeof openService>>;
beforeAll(async () => {
  world = await openWorld();
  service = await openService(world);
});
afterAll(async () => {
  await service.close();
  await world.close();
});

const HOUR_MS = 3_600_000;
const hoursAway = fc.constantFrom(0, 1, 3, 23, 30, 72);

/** A plan that pays a part of the price to the promoter, up to a cap. */
const plans = fc
  .record({ rate: fc.constantFrom(0, 50_000, 100_000, 150_000), cap: fc.constantFrom(null, null, 700) })
  .map(({ rate, cap }) => ({ ...SIMPLE_PLAN, rate_ppm: rate, currency: 'CNY', cap_per_line: cap }));

const steps = fc.oneof(
  fc.record({
    kind: fc.constant('rule' as const),
    scope: fc.constantFrom('all', 'product', 'promoter', 'category'),
    priority: fc.constantFrom(0, 1),
    plan: plans,
    from: fc.option(hoursAway),
    lasts: fc.option(hoursAway.filter((hours) => hours > 0)),
  }),
  fc.record({ kind: fc.constant('version' as const), of: fc.nat(), plan: plans, from: fc.option(hoursAway) }),
  fc.record({ kind: fc.constant('end' as const), of: fc.nat(), at: fc.option(hoursAway) }),
  fc.record({ kind: fc.constant('reversion' as const), of: fc.nat(), from: fc.option(hoursAway) }),
);
type Step = typeof steps extends fc.Arbitrary<infer Value> ? Value : never;

/** A history that meets every kind of change, taken and refused. */
const EVERY_KIND: Step[] = [
  { kind: 'version', of: 0, plan: { ...SIMPLE_PLAN, rate_ppm: 150_000, currency: 'CNY', cap_per_line: null }, from: 0 },
  { kind: 'reversion', of: 0, from: 1 },
  { kind: 'end', of: 0, at: 1 },
  {
    kind: 'rule',
    scope: 'product',
    priority: 1,
    plan: { ...SIMPLE_PLAN, rate_ppm: 50_000, currency: 'CNY', cap_per_line: 700 },
    from: 0,
    lasts: null,
  },
  {
    kind: 'rule',
    scope: 'promoter',
    priority: 0,
    plan: { ...SIMPLE_PLAN, rate_ppm: 150_000, currency: 'CNY', cap_per_line: null },
    from: null,
    lasts: null,
  },
  { kind: 'reversion', of: 0, from: null },
  { kind: 'end', of: 1, at: null },
];

type Shop = Awaited<ReturnType<typeof openShop>>;

const inHours = (hours: number | null) => (hours === null ? undefined : new Date(Date.now() + hours * HOUR_MS).toISOString());

/** Asks for a step; answers the status, and the rule where it is a new one. */
async function ask({ m, bob }: Shop, step: Step, ruleIds: string[]) {
  if (step.kind === 'rule') {
    const narrowed = { all: {}, product: { product_id: 'p1' }, promoter: { promoter_id: bob }, category: { category: 'baby' } };
    const from = inHours(step.from);
    const to =
      step.lasts === null ? undefined : new Date(Date.parse(from ?? new Date().toISOString()) + step.lasts * HOUR_MS).toISOString();
    const scope = { merchant_id: m, ...narrowed[step.scope] };
    const asked = { name: 'drawn', scope, priority: step.priority, plan: step.plan, effective_from: from, effective_to: to };
    const { status, body } = await service.post('/v1/rules', asked);
    if (status === 201) ruleIds.push(body.rule_id);
    return { status, code: body.code };
  }
  const path = `/v1/rules/${ruleIds[step.of % ruleIds.length]}`;
  const { status, body } =
    step.kind === 'version'
      ? await service.post(`${path}/versions`, { plan: step.plan, effective_from: inHours(step.from) })
      : step.kind === 'end'
        ? await service.post(`${path}/end`, { at: inHours(step.at) })
        : await service.post(`${path}/reversion`, { to_version: 1, effective_from: inHours(step.from) });
  return { status, code: body.code };
}

interface Line {
  product: string;
  promoter: string;
}

const PRICES = [100, 10_000, 1_000_000];

/** What the promoter gets of one unit at each price, by the rule that is shown for that time. */
async function shownFor({ m }: Shop, { product, promoter }: Line, at: number): Promise<number[]> {
  const question = new URLSearchParams({
    merchant_id: m,
    product_id: product,
    promoter_id: promoter,
    at: new Date(at).toISOString(),
  });
  const { body } = await service.get(`/v1/rules/effective?${question.toString()}`);
  const winner = body['winner'] as { rule_id: string; version: number } | null;
  if (winner === null) return PRICES.map(() => 0);
  const rule = (await service.get(`/v1/rules/${winner.rule_id}`)).body;
  const versions = rule['versions'] as { version: number; plan: { rate_ppm: number; cap_per_line: number | null } }[];
  const { plan } = versions.find(({ version }) => version === winner.version)!;
  return PRICES.map((price) => Math.min(plan.cap_per_line ?? Infinity, Math.floor((price * plan.rate_ppm) / 1_000_000)));
}

const larger = (a: number[], b: number[]) => a.map((amount, index) => Math.max(amount, b[index]!));

test('no time within the notice pays less than was shown for it, whatever is asked for, and no order is rated lower', async () => {
  const zones = fc.constantFrom('Asia/Kathmandu', 'America/New_York', 'Asia/Shanghai', 'Australia/Lord_Howe');
  const history = fc.record({ hours: fc.constantFrom(1, 24, 48), zone: zones, steps: fc.array(steps, { minLength: 2, maxLength: 7 }) });
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(history, async ({ hours, zone, steps: asked }) => {
      const shop = await openShop(world, { rate_notice_hours: hours, time_zone: zone });
      const codes = { [shop.bob]: shop.code, [shop.alice]: await world.link(shop.m, shop.alice) };
      const ruleIds = [await shop.rule({ ...SIMPLE_PLAN, currency: 'CNY', cap_per_line: null })];
      const lines: Line[] = ['p1', 'p2'].flatMap((product) => [shop.bob, shop.alice].map((promoter) => ({ product, promoter })));
      let promised = await Promise.all(lines.map((line) => shownFor(shop, line, Date.now())));

      for (const step of asked) {
        const earliest = midnightFrom(new Date(Date.now() + hours * HOUR_MS), zone).getTime();
        const now = Date.now();
        const times = [now, now + 1.5 * HOUR_MS, now + 4 * HOUR_MS, now + 23.5 * HOUR_MS, earliest - 1].filter((at) => at < earliest);
        const shown = () => Promise.all(lines.map((line) => Promise.all(times.map((at) => shownFor(shop, line, at)))));
        const before = await shown();
        const { status, code } = await ask(shop, step, ruleIds);
        met.add(`${step.kind} ${status < 300 ? 'taken' : code}`);
        const after = await shown();
        if (status >= 300) expect(after).toEqual(before);
        for (const [index, line] of lines.entries()) {
          const current = before[index]![0]!;
          for (const [time, amounts] of after[index]!.entries()) {
            // What was shown for that time stands; what changes is no less than what is paid now.
            const shownBefore = before[index]![time]!;
            const isKept = amounts.join() === shownBefore.join();
            for (const [price, floor] of (isKept ? shownBefore : larger(shownBefore, current)).entries()) {
              expect(amounts[price], `${line.product} at ${new Date(times[time]!).toISOString()}`).toBeGreaterThanOrEqual(floor);
            }
          }
        }
        const rated = await Promise.all(lines.map((line) => shownFor(shop, line, Date.now())));
        promised = promised.map((amounts, index) => larger(amounts, rated[index]!));
      }

      for (const [index, { product, promoter }] of lines.entries()) {
        for (const [price, amount] of PRICES.entries()) {
          const orderId = `${product}-${promoter}-${amount}`;
          const sold = [{ line_id: '1', product_id: product, quantity: 1, paid_amount: amount }];
          await shop.order(orderId, { link_code: codes[promoter], paid_at: new Date().toISOString(), lines: sold });
          const earned = (await shop.transfers(orderId)).reduce((sum, transfer) => sum + transfer.amount, 0);
          expect(earned, orderId).toBeGreaterThanOrEqual(promised[index]![price]!);
        }
      }
    }),
    { numRuns: runs(4), examples: [[{ hours: 24, zone: 'Asia/Kathmandu', steps: EVERY_KIND }]] },
  );
  const taken = ['end', 'reversion', 'rule', 'version'].map((kind) => `${kind} taken`);
  const refused = ['end', 'reversion', 'rule'].map((kind) => `${kind} notice_too_short`);
  expect([...met]).toEqual(expect.arrayContaining([...taken, ...refused]));
}, 240_000);
