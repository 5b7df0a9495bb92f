// What the demo prints: one section for each thing that was read back from the service.

import { EXPECTED_ORDERS } from './expected-orders.ts';
import { MERCHANTS, PROMOTERS, type MerchantId } from './marketplace.ts';
import { ORDER_SYSTEMS, type SystemId } from './platforms/order-systems.ts';
import type { Books, Explanation, Guard, Line, Order, PromoterBalance, Rule, Share, TrialBalance } from './readings.ts';
import { sentencesOf } from './reasons.ts';
import { sumsOf, type SystemSum } from './side-by-side.ts';
import { table, yuan } from './table.ts';

/** The order that is explained in sentences. */
const EXPLAINED_ORDER = 'M-1001';
const OF_PUSHES =
  'Every push came twice, and its report is kept once. In the name of each system that pushes came a forged push, too: it was answered 401.';
const SHARES_A_LINE = 3;
const NAMES_A_LINE = 6;

/** Everything that was read of the books, section by section. */
export function booksSections(books: Books): string[] {
  const { explanations, rules, balances } = books;
  const explained = explanations.find(({ order }) => order.order_id === EXPLAINED_ORDER);
  return [
    systemsSection(sumsOf(books, Object.keys(ORDER_SYSTEMS))),
    ordersSection(explanations, rules),
    explained === undefined ? '' : explanationSection(explained, rules),
    balancesSection(balances),
  ];
}

/** What each order system has told, and what came of it. */
function systemsSection(sums: readonly SystemSum[]): string {
  const texts = ['order system', 'kind', 'how its orders come', 'reports kept'].map((title) => ({ title }));
  const columns = [...texts, { title: 'orders', right: true }, { title: 'earned by' }, { title: 'commission', right: true }];
  const rows = sums.map(({ source_id, deliveries, orders, evidence, commission }) => {
    const { kind, comes } = ORDER_SYSTEMS[source_id as SystemId];
    return [source_id, kind, comes, countsOf(deliveries), String(orders), countsOf(evidence), yuan(commission)];
  });
  const total = sums.reduce((sum, { commission }) => sum + commission, 0);
  const told = table(columns, [...rows, ['all of them', '', '', '', '', '', yuan(total)]]);
  return section('1. The order systems side by side', `${told}\n${OF_PUSHES}\n`);
}

function countsOf(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .map(([what, count]) => `${count} ${what}`)
    .join(', ');
}

/** Every line of every order: what won it, by which rule, and who gets what. */
function ordersSection(explanations: readonly Explanation[], rules: readonly Rule[]): string {
  const texts = ['order', 'what it shows', 'evidence', 'winner', 'rule'].map((title) => ({ title }));
  const amounts = ['paid', 'refunded', 'pool'].map((title) => ({ title, right: true }));
  const columns = [...texts, ...amounts, { title: 'split' }, { title: 'award' }];
  const rows = Object.entries(ORDER_SYSTEMS).flatMap(([id, { kind }]) => {
    const own = explanations.filter(({ order }) => order.source_id === id);
    const names = new Set(own.map(({ order }) => MERCHANTS[order.merchant_id as MerchantId].name));
    return [`${id} (${kind}): ${[...names].join(', ')}`, ...own.flatMap((one) => rowsOf(one, rules))];
  });
  return section('2. Orders: who earned them, and how it was split', table(columns, rows));
}

function rowsOf({ order, lines }: Explanation, rules: readonly Rule[]): string[][] {
  return order.lines.map((line, at) => {
    const isFirst = at === 0;
    const chain = lines.find(({ line_id }) => line_id === line.line_id)?.winners.flatMap((winner) => winner.chain ?? []) ?? [];
    return [
      isFirst ? order.order_id : '',
      isFirst ? storyOf(order) : '',
      line.evidence ?? `(${line.decision})`,
      [line.promoter_id ?? '', ...chain].join(' under '),
      ruleOf(line, rules)?.name ?? '',
      yuan(line.paid_amount),
      yuan(line.refunded_amount),
      yuan(line.pool),
      splitOf(line.shares),
      isFirst ? order.award : '',
    ];
  });
}

function ruleOf(line: Line, rules: readonly Rule[]): Rule | undefined {
  return rules.find(({ rule_id }) => rule_id === line.rule_id);
}

function storyOf({ source_id, order_id }: Order): string {
  return EXPECTED_ORDERS.find((one) => one.source_id === source_id && one.order_id === order_id)?.story ?? '';
}

/** Three to a line, or five parties would make the table wider than all others. */
function splitOf(shares: readonly Share[]): string {
  const told = shares.map(({ role, promoter_id, amount }) => `${promoter_id ?? role} ${yuan(amount)}`);
  return [told.slice(0, SHARES_A_LINE), told.slice(SHARES_A_LINE)]
    .filter((some) => some.length > 0)
    .map((some) => some.join(', '))
    .join(',\n');
}

function explanationSection(explanation: Explanation, rules: readonly Rule[]): string {
  const { order } = explanation;
  const plan = order.lines.flatMap((line) => ruleOf(line, rules)?.plan.split ?? []);
  const sentences = sentencesOf(explanation, plan).map((sentence) => `  ${sentence}\n`);
  return section(`3. Why ${order.order_id} went to bob and not to alice`, sentences.join(''));
}

function balancesSection(balances: readonly PromoterBalance[]): string {
  const columns = [
    { title: 'promoter' },
    { title: 'name' },
    { title: 'kind' },
    { title: 'pending', right: true },
    { title: 'available', right: true },
  ];
  const rows = balances.map(({ promoter_id, pending, available }) => {
    const { name, kind } = PROMOTERS[promoter_id as keyof typeof PROMOTERS];
    return [promoter_id, name, kind, yuan(pending), yuan(available)];
  });
  return section('4. Balances of the promoters, in yuan', table(columns, rows));
}

export function trialBalanceSection(trial: readonly TrialBalance[]): string {
  const columns = [{ title: 'currency' }, { title: 'account' }, { title: 'balance', right: true }];
  const rows = trial.flatMap(({ currency, accounts, sum }) => [
    ...accounts.map(({ kind, balance }) => [currency, kind, yuan(balance)]),
    [currency, 'sum', yuan(sum)],
  ]);
  return section('6. Trial balance', table(columns, rows));
}

/** The laws in a number, and of the rest what speaks; what is silent in names only. */
export function guardsSection(guards: readonly Guard[]): string {
  const laws = guards.filter(({ kind }) => kind === 'law');
  const alarms = guards.filter(({ kind }) => kind === 'alarm');
  const speaking = guards.filter(({ ok }) => !ok);
  const holding = laws.filter(({ ok }) => ok).length;
  const silent = alarms.filter(({ ok }) => ok).map(({ name }) => name);
  const title = `7. Guards: ${holding} of ${laws.length} laws hold, ${silent.length} of ${alarms.length} alarms are silent`;
  const columns = [{ title: 'kind' }, { title: 'guard' }, { title: 'state' }, { title: 'what is the matter' }];
  const rows = speaking.map(({ kind, name, violations, words }) => [kind, name, `rings (${violations})`, words.en.broken]);
  return section(title, `${table(columns, rows)}\nSilent: ${inLines(silent)}.\n`);
}

function inLines(names: readonly string[]): string {
  return names.map((name, at) => (at === 0 ? name : at % NAMES_A_LINE === 0 ? `,\n  ${name}` : `, ${name}`)).join('');
}

/** A part of what is printed, under its heading. */
export function section(title: string, body: string): string {
  return `\n${title}\n\n${body}`;
}
