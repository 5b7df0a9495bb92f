// The demo: a small lively marketplace on a database of its own, set up and read back over the
// public API alone. The story, in order.

import { once } from 'node:events';
import { parseArgs } from 'node:util';

import { createClient, type FenyongClient } from '../../client/client.ts';
import { whenOrphaned } from '../platform/process/parent.ts';
import { withService, type Service } from './child.ts';
import { EXPECTED_ORDERS } from './expected-orders.ts';
import { bookDifferences, guardDifferences, orderDifferences } from './expected.ts';
import { openMarketplace, refuseInhabited, type Marketplace } from './marketplace.ts';
import { withPlatforms, type Platforms } from './platforms/platforms.ts';
import { figureDifferences, figuresSection, readFigures } from './figures.ts';
import { pushEverything } from './platforms/pushes.ts';
import { readBooks, readGuards, readOrders, readUntil, type Order, type Rule } from './readings.ts';
import { payOut, payoutDifferences, payoutSection } from './payout.ts';
import { rehearsalDifferences, rehearsalSection, rehearse } from './rehearsal.ts';
import { booksSections, guardsSection, trialBalanceSection } from './sections.ts';
import { browse, orderAgain, orderAtDuoduo, orderFromMumu, tellLateClick } from './shoppers.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const INTERRUPTED = new Error('interrupted');
const EXIT_INTERRUPTED = 130;

/**
 * Tells the story and checks every figure of it. Answers with the exit code: 0 when all is as it
 * must be, 1 when something differs or fails, 130 when it was interrupted. With `--keep` the
 * service is left running until a signal comes. The data go to `dataDir`, which stays, or where it
 * is null to a folder that is removed afterwards.
 */
export async function demo(args: string[], dataDir: string | null): Promise<number> {
  const end = new AbortController();
  const interrupt = () => end.abort(INTERRUPTED);
  for (const signal of SIGNALS) process.on(signal, interrupt);
  // A signal that reaches npm alone ends npm, and would leave us behind.
  whenOrphaned(interrupt);
  try {
    const { values } = parseArgs({ args, options: { keep: { type: 'boolean', default: false } } });
    say('Starting the service on a database of its own …');
    return await withPlatforms((platforms) =>
      withService({ dataDir, pullBaseUrls: platforms.baseUrls, signal: end.signal }, async (service) => {
        void service.ended.then((code) => end.abort(new Error(`The service ended by itself, with the code ${code}.`)));
        const differences = await tellStory(service, platforms, end.signal);
        conclude(differences);
        if (values.keep) await keep(service, end.signal);
        return differences.length === 0 ? 0 : 1;
      }),
    );
  } catch (error) {
    if (isInterruption(error)) return EXIT_INTERRUPTED;
    process.stderr.write(`\nThe demo failed: ${messagesOf(error)}\n`);
    return 1;
  } finally {
    for (const signal of SIGNALS) process.off(signal, interrupt);
  }
}

/**
 * Everything that happens, and everything that is shown of it. Answers with what is not as it must
 * be.
 */
async function tellStory({ url, adminKey }: Service, platforms: Platforms, signal: AbortSignal): Promise<string[]> {
  const admin = createClient({ url, key: adminKey, signal });
  await refuseInhabited(admin);
  say('Opening the marketplace: shops, products, agencies, talents, promoters, rules, sources, links …');
  const market = await openMarketplace(admin, url, platforms, signal);
  say('People click and buy; order systems push every report twice, in any order, and a forger pushes some, too …');
  await trade(admin, market);

  const books = await readBooks(admin, { places: EXPECTED_ORDERS, isSettled }, signal);
  for (const section of booksSections(books)) process.stdout.write(section);
  const paid = await payOut(admin, { url, signal });
  for (const section of [payoutSection(paid), trialBalanceSection(paid.trialBalance)]) process.stdout.write(section);
  const paidAt = new Date();
  const guards = await readGuards(admin, signal, paidAt);
  process.stdout.write(guardsSection(guards));
  const rehearsal = await rehearse(admin, books, signal);
  process.stdout.write(rehearsalSection(rehearsal));
  const figures = await readFigures(admin);
  process.stdout.write(figuresSection(figures));
  const differences = [...bookDifferences(books), ...payoutDifferences(paid), ...guardDifferences(guards, paidAt)];
  return [...differences, ...rehearsalDifferences(rehearsal, books), ...figureDifferences(figures, books)];
}

/**
 * The second order and the late click come when the first orders have been decided without them.
 */
async function trade(admin: FenyongClient, market: Marketplace): Promise<void> {
  const tokens = await browse(market);
  await Promise.all([orderFromMumu(market, tokens), pushEverything(market, tokens), orderAtDuoduo(market, admin)]);
  await readUntil(
    market.signal,
    () => readOrders(admin),
    (orders) => decisionOf(orders, 'M-1002') === 'attributed' && decisionOf(orders, 'M-1004') === 'unattributed',
  );
  await orderAgain(market);
  await tellLateClick(market);
}

function decisionOf(orders: readonly Order[], orderId: string): string | undefined {
  return orders.find(({ order_id }) => order_id === orderId)?.lines[0]?.decision;
}

function isSettled(orders: readonly Order[], rules: readonly Rule[]): boolean {
  return orderDifferences(orders, rules).length === 0;
}

function conclude(differences: readonly string[]): void {
  if (differences.length === 0) return say('\nEvery figure is what it must be.');
  say(`\nNot as it must be:\n${differences.map((difference) => `- ${difference}`).join('\n')}`);
}

async function keep({ url, adminKey }: Service, signal: AbortSignal): Promise<void> {
  say(`\nThe service goes on at ${url} (documentation: ${url}/documentation)`);
  say(`Admin key: ${adminKey}`);
  say(`For example: curl -H 'Authorization: Bearer ${adminKey}' ${url}/v1/orders/rest/M-1001/explanation`);
  say('Ctrl-C ends it.');
  if (!signal.aborted) await once(signal, 'abort');
}

function say(sentence: string): void {
  process.stdout.write(`${sentence}\n`);
}

function isInterruption(error: unknown): boolean {
  return error === INTERRUPTED || (error instanceof Error && error.cause === INTERRUPTED);
}

/** What a failed request says of itself stands in its cause. */
function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause === undefined ? error.message : `${error.message}: ${messagesOf(error.cause)}`;
}
