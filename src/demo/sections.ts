// What the demo prints: one section for each thing that was read back from the service.

import { EXPECTED_ORDERS } from './expected.ts';
import { MERCHANTS, PROMOTERS, type MerchantId } from './marketplace.ts';
import type { Books, Explanation, Guard, Line, Order, PromoterBalance, Rule, Share, TrialBalance } from './readings.ts';
import { sentencesOf } from './reasons.ts';
import { table, yuan } from './table.ts';

/** The order that is explained in sentences. */
const EXPLAINED_ORDER = 'M-1001';

/** Everything that was read of the books, section by section. */
export function booksSections({ explanations, rules, balances, trialBalance, deliveries }: Books): string[] {
  const explained = explanations.find(({ order }) => order.order_id === EXPLAINED_ORDER);
  const counts = Object.entries(deliveries).map(([state, count]) => `${count} ${state}`);
  return [
    ordersSection(explanations, rules),
    `\nReports that the service keeps, each once however often it came: ${counts.join(', ')}.\n`,
    explained === undefined ? '' : explanationSection(explained, rules),
    balancesSection(balances),
    trialBalanceSection(trialBalance),
  ];
}

/** Every line of every order: what won it, by which rule, and who gets what. */
function ordersSection(explanations: readonly Explanation[], rules: readonly Rule[]): string {
  const texts = ['order', 'source', 'evidence', 'winner', 'rule'].map((title) => ({ title }));
  const amounts = ['paid', 'refunded', 'pool'].map((title) => ({ title, right: true }));
  const columns = [...texts, ...amounts, { title: 'split' }, { title: 'award' }];
  const rows = explanations.flatMap(({ order, lines }) =>
    order.lines.map((line, at) => {
      const isFirst = at === 0;
      const chain = lines.find(({ line_id }) => line_id === line.line_id)?.winners.flatMap((winner) => winner.chain) ?? [];
      return [
        isFirst ? titleOf(order) : '',
        isFirst ? order.source_id : '',
        line.evidence ?? `(${line.decision})`,
        [line.promoter_id ?? '', ...chain.map((above) => `under ${above}`)].join('\n'),
        ruleOf(line, rules)?.name ?? '',
        yuan(line.paid_amount),
        yuan(line.refunded_amount),
        yuan(line.pool),
        splitOf(line.shares),
        isFirst ? order.award : '',
      ];
    }),
  );
  return section('1. Orders: who earned them, and how it was split', table(columns, rows));
}

function ruleOf(line: Line, rules: readonly Rule[]): Rule | undefined {
  return rules.find(({ rule_id }) => rule_id === line.rule_id);
}

function titleOf({ source_id, order_id, merchant_id }: Order): string {
  const story = EXPECTED_ORDERS.find((one) => one.source_id === source_id && one.order_id === order_id)?.story ?? '';
  return `${order_id} ${MERCHANTS[merchant_id as MerchantId].name}\n(${story})`;
}

function splitOf(shares: readonly Share[]): string {
  return shares.map(({ role, promoter_id, amount }) => `${[role, promoter_id].filter(Boolean).join(' ')} ${yuan(amount)}`).join('\n');
}

function explanationSection(explanation: Explanation, rules: readonly Rule[]): string {
  const { order } = explanation;
  const plan = order.lines.flatMap((line) => ruleOf(line, rules)?.plan.split ?? []);
  const sentences = sentencesOf(explanation, plan).map((sentence) => `  ${sentence}\n`);
  return section(`2. Why ${order.order_id} went to bob and not to alice`, sentences.join(''));
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
  return section('3. Balances of the promoters, in yuan', table(columns, rows));
}

function trialBalanceSection(trial: readonly TrialBalance[]): string {
  const columns = [{ title: 'currency' }, { title: 'account' }, { title: 'balance', right: true }];
  const rows = trial.flatMap(({ currency, accounts, sum }) => [
    ...accounts.map(({ kind, balance }) => [currency, kind, yuan(balance)]),
    [currency, 'sum', yuan(sum)],
  ]);
  return section('4. Trial balance', table(columns, rows));
}

export function guardsSection(guards: readonly Guard[]): string {
  const laws = guards.filter(({ kind }) => kind === 'law');
  const broken = laws.filter(({ ok }) => !ok);
  const alarms = guards.filter(({ kind }) => kind === 'alarm');
  const title = `5. Guards: ${laws.length - broken.length} of ${laws.length} laws hold`;
  const columns = [{ title: 'kind' }, { title: 'guard' }, { title: 'state' }, { title: 'what holds while it is silent' }];
  const rows = [...broken, ...alarms].map(({ kind, name, ok, violations, says }) => [
    kind,
    name,
    ok ? 'silent' : `rings (${violations})`,
    says,
  ]);
  return section(title, table(columns, rows));
}

function section(title: string, body: string): string {
  return `\n${title}\n\n${body}`;
}
