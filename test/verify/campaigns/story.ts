// One trial: a campaign with three limits, orders that are told over many connections at once while
// others are refunded and cancelled, and the service killed again and again in the middle of it.

import { setTimeout as sleep } from 'node:timers/promises';

import type { Client } from 'pg';

import { drained } from '../drain.ts';
import type { Finding } from '../journal.ts';
import type { Finance } from '../payouts/finance.ts';
import type { Random } from '../random.ts';
import type { Stage } from '../stage.ts';

export const MERCHANT = 'boosters';
const ORDERS = 240;
const LANES = 12;
const PROMOTERS = 4;
const DAYS = ['2026-06-10', '2026-06-11', '2026-06-12'] as const;
const KILLS = 4;
const KILL_EVERY_MS = 700;
const CANCELLED_CHANCE = 0.15;
const REFUNDED_CHANCE = 0.25;

/** 5 % beside the pool, out of a budget that holds about half of what is wanted. */
const RATE_PPM = 50_000;
export const LIMITS = { total: 60_000, per_day: 26_000, per_promoter: 20_000 };

/** An order as it was told, and what became of it. */
export interface Sold {
  orderId: string;
  promoterId: string;
  day: string;
  paid: number;
  refunded: number;
  isCancelled: boolean;
}

interface CampaignTrial {
  stage: Stage;
  finance: Pick<Finance, 'ask' | 'must'>;
  client: Client;
  random: Random;
  /** Names its campaign, and begins the ids of its promoters and orders. */
  name: string;
  /** Told of every kill. */
  onKill: () => void;
}

/** What of an order its campaign wants now, in fen. */
export function wantedOf({ paid, refunded, isCancelled }: Sold): number {
  return isCancelled ? 0 : Math.floor(((paid - refunded) * RATE_PPM) / 1_000_000);
}

/** Plays the trial until nothing is left to be done. */
export async function playCampaign(trial: CampaignTrial): Promise<{ sold: Sold[]; findings: Finding[] }> {
  const { stage, finance, client, random, name } = trial;
  const codes: string[] = [];
  for (let n = 0; n < PROMOTERS; n += 1) {
    await finance.must('PUT', `/v1/promoters/${name}-${n}`, { name: `${name}-${n}`, kind: 'person' });
    const link = { promoter_id: `${name}-${n}`, merchant_id: MERCHANT, product_id: 'p1' };
    codes.push((await finance.must('POST', '/v1/links', link)).code);
  }
  await finance.must('PUT', `/v1/campaigns/${name}`, {
    merchant_id: MERCHANT,
    name,
    starts_at: '2026-06-01T00:00:00+08:00',
    ends_at: '2026-07-01T00:00:00+08:00',
    promoters: codes.map((_, n) => `${name}-${n}`),
    boost: { rate_ppm: RATE_PPM },
    combine: 'add',
    budget: { currency: 'CNY', ...LIMITS },
    reopens: true,
  });
  const sold = Array.from({ length: ORDERS }, (_, n): Sold => ({
    orderId: `${name}-${n}`,
    promoterId: `${name}-${random.int(0, PROMOTERS - 1)}`,
    day: random.pick(DAYS),
    paid: random.int(2000, 20_000),
    refunded: 0,
    isCancelled: false,
  }));
  const fates = sold.map(() => [random.chance(CANCELLED_CHANCE), random.chance(REFUNDED_CHANCE)] as const);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < sold.length) {
      const place = next;
      next += 1;
      await tell(finance, sold[place]!, codes);
      const [isCancelled, isRefunded] = fates[place]!;
      if (isCancelled) await cancel(finance, sold[place]!);
      else if (isRefunded) await refund(finance, sold[place]!);
    }
  };
  await Promise.all([...Array.from({ length: LANES }, lane), kill(trial)]);
  await stage.fleet.restore();
  const left = await drained(stage, client);
  return { sold, findings: left === null ? [] : [{ column: 'lost', text: left }] };
}

async function kill({ stage, random, onKill }: CampaignTrial): Promise<void> {
  for (let killed = 0; killed < KILLS; killed += 1) {
    await sleep(random.int(KILL_EVERY_MS / 2, KILL_EVERY_MS * 2));
    if (random.chance(0.25)) await stage.fleet.killApi();
    else await stage.fleet.killWorker(random.int(0, 1));
    onKill();
    await stage.fleet.restore();
  }
}

const orderOf = ({ orderId }: Sold) => ({ merchant_id: MERCHANT, order_id: orderId });

async function tell({ must }: CampaignTrial['finance'], one: Sold, codes: readonly string[]): Promise<void> {
  await must('POST', '/v1/orders', {
    ...orderOf(one),
    status: 'paid',
    currency: 'CNY',
    paid_at: `${one.day}T12:00:00+08:00`,
    link_code: codes[Number(one.promoterId.slice(one.promoterId.lastIndexOf('-') + 1))],
    lines: [{ line_id: '1', product_id: 'p1', quantity: 1, paid_amount: one.paid }],
  });
}

async function cancel({ must }: CampaignTrial['finance'], one: Sold): Promise<void> {
  one.isCancelled = true;
  await must('POST', '/v1/orders', { ...orderOf(one), void: { reason: 'cancelled' } });
}

async function refund({ must }: CampaignTrial['finance'], one: Sold): Promise<void> {
  one.refunded = Math.floor(one.paid / 3);
  const refunds = [{ refund_id: 'r1', line_id: '1', amount: one.refunded, refunded_at: new Date().toISOString() }];
  await must('POST', '/v1/orders', { ...orderOf(one), refunds });
}
