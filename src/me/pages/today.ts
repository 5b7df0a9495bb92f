// The first page: what today brought, what there is in all, and when it is paid.

import type { components } from '../../../client/api.ts';
import { dayOf, startOfDay } from '../../platform/calendar.ts';
import { wordOf } from '../words/words.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';
import { ordersList } from './orders.ts';

type Balance = components['schemas']['Balance'];
type Total = components['schemas']['StatisticsTotal'];

const LATEST_ORDERS = 3;

/** GET /me. */
export async function todayPage(visit: Visit): Promise<Page> {
  const { ask, say, promoterId, now, timeZone } = visit;
  const from = startOfDay(dayOf(now, timeZone), timeZone).toISOString();
  const measures = 'clicks,orders,commission_estimated,commission_confirmed';
  const [{ totals }, { data: balances }, { data: orders }] = await Promise.all([
    ask('/v1/statistics', { query: { bucket: 'none', basis: 'order', from, time_zone: timeZone, measures } }),
    ask('/v1/promoters/{promoter_id}/balance', { path: { promoter_id: promoterId } }),
    ask('/v1/orders', { query: { limit: LATEST_ORDERS } }),
  ]);
  const main = html`${todayFigures(totals, visit)}
    ${balances.length === 0 ? html`<p>${say('nothing_booked')}</p>` : balances.map((balance) => balanceSection(balance, visit))}
    <h2>${say('latest_orders')}</h2>
    ${ordersList(orders, balances, visit)}
    <p><a class="button" href="/me/orders">${say('all_orders')}</a> <a class="button" href="/me/claims">${say('missing_order')}</a></p>`;
  return { title: 'today', main, isLive: true };
}

function figure(name: string, value: string | number, id: string, meaning: string | null = null): Markup {
  return html`<div>
    <dt>${name}</dt>
    <dd data-figure="${id}">${value}</dd>
    ${meaning === null ? null : html`<dd class="small">${meaning}</dd>`}
  </div>`;
}

function todayFigures(totals: readonly Total[], { say, figures }: Visit): Markup {
  const sum = (measure: 'clicks' | 'orders') => totals.reduce((all, total) => all + (total[measure] ?? 0), 0);
  const earned = totals.map((total) => {
    const units = BigInt(total.commission_estimated ?? 0) + BigInt(total.commission_confirmed ?? 0);
    return figure(say('today_estimated'), figures.money(String(units), total.currency), 'estimated');
  });
  return html`<dl class="figures">
    ${figure(say('today_orders'), sum('orders'), 'orders')}${figure(say('today_clicks'), sum('clicks'), 'clicks')}${earned}
  </dl>`;
}

function balanceSection(balance: Balance, { say, figures }: Visit): Markup {
  const { currency, available, pending, paying, withheld, paid } = balance;
  const money = (units: number) => figures.money(units, currency);
  const owes = available < 0;
  return html`<section>
    <h2>${say('your_money', { currency })}</h2>
    <dl class="figures">
      ${figure(say('available'), money(owes ? 0 : available), 'available', say('available_means'))}
      ${figure(say('pending'), money(pending), 'pending', say('pending_means'))}
      ${paying === 0 ? null : figure(say('paying'), money(paying), 'paying')}
      ${withheld === 0 ? null : figure(say('withheld'), money(withheld), 'withheld')} ${figure(say('paid'), money(paid), 'paid')}
    </dl>
    ${owes ? html`<p class="notice">${say('debt', { amount: money(-available) })}</p>` : null}
    <p>${nextPayout(balance, say, figures)}</p>
  </section>`;
}

/** When the next payout comes, and why it would leave the promoter out where it would. */
export function nextPayout({ next_payout_at: at, next_payout_skip: skip }: Balance, say: Visit['say'], figures: Visit['figures']): string {
  if (at === undefined) return say('next_payout_none');
  if (skip == null) return say('next_payout', { date: figures.day(at) });
  return say('next_payout_skips', { date: figures.day(at), reason: say(wordOf(`skip_${skip}`)) });
}
