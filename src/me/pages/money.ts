// Money out: who is paid, what was paid, what waits for the promoter, and the statements of months.

import type { components } from '../../../client/api.ts';
import { DomainError } from '../../core/errors.ts';
import { dayOf, monthAfter } from '../../platform/calendar.ts';
import type { Page, Visit } from './frame.ts';
import { html, type Markup } from './html.ts';
import { nextPayout } from './today.ts';

type Balance = components['schemas']['Balance'];
type Payee = components['schemas']['Payee'];
type Payout = components['schemas']['Payout'];
type Request = components['schemas']['PayoutRequest'];

const PAYOUTS_SHOWN = 20;
const MONTHS_SHOWN = 12;
const PAYEE_KINDS = ['individual', 'sole_trader', 'company'] as const;
const MONTH_LENGTH = 'YYYY-MM'.length;
/** What a kind of provider asks for, each with the words beside its field. */
const ACCOUNT_FIELDS = [
  ['account_no', 'payee_account'],
  ['bank_name', 'payee_bank'],
  ['openid', 'payee_openid'],
] as const;

/** GET /me/money. */
export async function moneyPage(visit: Visit): Promise<Page> {
  const { ask, say, figures, promoterId } = visit;
  const path = { promoter_id: promoterId };
  const [{ data: balances }, payee, { data: payouts }, { data: requests }] = await Promise.all([
    ask('/v1/promoters/{promoter_id}/balance', { path }),
    payeeOf(visit),
    ask('/v1/promoters/{promoter_id}/payouts', { path, query: { limit: PAYOUTS_SHOWN } }),
    ask('/v1/promoters/{promoter_id}/payout-requests', { path, query: { limit: PAYOUTS_SHOWN } }),
  ]);
  const main = html`${payouts.filter(({ state }) => state === 'action_required').map((payout) => confirmation(payout, visit))}
    ${balances.length === 0 ? html`<p>${say('nothing_booked')}</p>` : balances.map((balance) => balanceSection(balance, requests, visit))}
    <h2>${say('payee')}</h2>
    ${payee === null ? html`<p>${say('payee_none')}</p>` : payeeFacts(payee, visit)} ${payeeForm(payee, visit)}
    <h2>${say('payouts')}</h2>
    ${
      payouts.length === 0
        ? html`<p>${say('none_yet')}</p>`
        : html`<ul class="cards">
            ${payouts.map((payout) => payoutCard(payout, visit))}
          </ul>`
    }
    <h2>${say('statements')}</h2>
    <p>${say('statement_words')}</p>
    <ul class="months">
      ${statementLinks(visit)}
    </ul>`;
  return { title: 'money', main };

  function balanceSection(balance: Balance, all: readonly Request[], { now }: Visit): Markup {
    const { currency, available } = balance;
    const open = all.find((request) => request.currency === currency && request.closed_at === null);
    const amount = figures.money(available, currency);
    const asking =
      open !== undefined
        ? html`<p>${say('ask_open', { currency, date: figures.time(open.made_at ?? now.toISOString()) })}</p>`
        : html`<form data-send data-method="POST" action="/v1/payout-requests" data-next="/me/money">
            <input type="hidden" name="currency" value="${currency}" />
            <p><button class="main">${say('ask_payout', { amount })}</button></p>
            <p role="alert"></p>
          </form>`;
    return html`<section>
      <h2>${say('your_money', { currency })}</h2>
      <p class="amount"><strong>${say('available')} ${amount}</strong></p>
      <p>${nextPayout(balance, say, figures)}</p>
      ${available > 0 ? asking : null}
    </section>`;
  }
}

/** Null where none was stated. */
async function payeeOf({ ask, promoterId }: Visit): Promise<Payee | null> {
  try {
    return await ask('/v1/promoters/{promoter_id}/payee', { path: { promoter_id: promoterId } });
  } catch (error) {
    if (error instanceof DomainError && error.code === 'not_found') return null;
    throw error;
  }
}

function confirmation({ net, currency, action_expires_at: until }: Payout, { say, figures }: Visit): Markup {
  return html`<section class="notice">
    <h2>${say('payout_state', { amount: figures.money(net, currency), state: say('payout_action_required') })}</h2>
    <p>${say('confirm_payout')}</p>
    ${until === null ? null : html`<p>${say('confirm_before', { date: figures.time(until) })}</p>`}
  </section>`;
}

function payeeFacts(payee: Payee, { say, figures }: Visit): Markup {
  const { provider_id: provider, kind, name, tax_id: tax, account, payable_from: from } = payee;
  const fields = ACCOUNT_FIELDS.flatMap(([field, word]) => {
    const end = account[field];
    return end === undefined ? [] : [say('payee_account_is', { field: say(word), end })];
  });
  const lines = [
    say('payee_is', { provider, kind: say(`payee_${kind}`) }),
    ...(name === null ? [] : [say('payee_name_is', { name })]),
    ...(tax === null ? [] : [say('payee_tax_is', { tax })]),
    ...fields,
    ...(from === null ? [] : [say('payee_waits', { date: figures.time(from) })]),
  ];
  return html`${lines.map((line) => html`<p>${line}</p>`)}`;
}

function field(name: string, label: string, hint: string | null = null): Markup {
  const below = hint === null ? null : html`<small>${hint}</small>`;
  return html`<p><label for="${name}">${label}</label><input id="${name}" name="${name}" maxlength="200" autocomplete="off" />${below}</p>`;
}

function payeeForm(payee: Payee | null, { say, promoterId }: Visit): Markup {
  const kinds = PAYEE_KINDS.map((kind) => {
    return html`<option value="${kind}" ${payee?.kind === kind ? { markup: ' selected' } : null}>${say(`payee_${kind}`)}</option>`;
  });
  return html`<details>
    <summary>${say(payee === null ? 'payee_state' : 'payee_change')}</summary>
    ${payee === null ? null : html`<p>${say('payee_change_words')}</p>`}
    <form data-send data-method="PUT" action="/v1/promoters/${encodeURIComponent(promoterId)}/payee" data-next="/me/money">
      <p>
        <label for="kind">${say('payee_kind')}</label
        ><select id="kind" name="kind">
          ${kinds}
        </select>
      </p>
      ${field('name', say('payee_name'))} ${field('tax_id', say('payee_tax'))}
      <p>
        <label for="provider">${say('payee_provider')}</label>
        <input
          id="provider"
          name="provider_id"
          required
          maxlength="128"
          value="${payee?.provider_id ?? 'manual'}"
          autocapitalize="off"
        /><small>${say('payee_provider_words')}</small>
      </p>
      ${ACCOUNT_FIELDS.map(([name, word]) => field(`account.${name}`, say(word), name === 'openid' ? say('payee_openid_words') : null))}
      <p><button class="main">${say('payee_save')}</button></p>
      <p role="alert"></p>
    </form>
  </details>`;
}

function payoutCard(payout: Payout, { say, figures }: Visit): Markup {
  const { net, gross, withheld, currency, state, drafted_at: draftedAt, paid_at: paidAt, reference } = payout;
  const money = (units: number) => figures.money(units, currency);
  return html`<li>
    <h3>${say('payout_state', { amount: money(net), state: say(`payout_${state}`) })}</h3>
    <p class="small">${figures.time(paidAt ?? draftedAt)}${reference === null ? null : ` · ${reference}`}</p>
    ${withheld === null || withheld === 0 ? null : html`<p>${say('payout_tax', { gross: money(gross), withheld: money(withheld) })}</p>`}
  </li>`;
}

/** The statements of the latest months, which are pages of their own. */
function statementLinks({ promoterId, now, timeZone, language }: Visit): Markup[] {
  const month = dayOf(now, timeZone).slice(0, MONTH_LENGTH);
  return Array.from({ length: MONTHS_SHOWN }, (_, back) => monthAfter(month, -back)).map((one) => {
    const query = new URLSearchParams({ month: one, lang: language, time_zone: timeZone });
    return html`<li><a href="/v1/promoters/${encodeURIComponent(promoterId)}/statement?${query.toString()}">${one}</a></li>`;
  });
}
