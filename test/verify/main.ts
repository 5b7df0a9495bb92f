// npm run verify [-- --trials N] [--seed S] [--fault a,b] [--orders N] [--short] [--mutant
// name|all]: the service under load, broken on purpose, and every acknowledged write looked for
// afterwards; `--fault pull` is every order system pulled while it moves and fails, once; `--fault
// hostile-market` tells orders through all doors with every oddity of the world, and reckons what
// must come of them; `--fault payouts` pays promoters through a provider that fails, and kills the
// service at every step; `--fault re-rating` corrects a rate for the past under load, and kills the
// service while that is previewed, approved and booked; `--fault campaigns` spends budgets from
// everywhere at once, and kills it in the middle. Ends with 0 when nothing is lost, missed,
// doubled, wrong or refused; with mutants, when all are caught.

import { randomInt } from 'node:crypto';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { temporaryFolder } from '../leftovers.ts';
import { CAMPAIGNS, runCampaigns } from './campaigns/run.ts';
import { FAULTS, faultsNamed } from './faults/all.ts';
import { HOSTILE_MARKET, runHostile } from './hostile/run.ts';
import { buildMutant, MUTANTS, type Mutant } from './mutants.ts';
import { openPostgres, type Postgres } from './postgres.ts';
import { PAYOUTS, runPayouts } from './payouts/run.ts';
import { RE_RATING, runReRatings } from './re-ratings/run.ts';
import { runPull } from './pull/run.ts';
import { pullHeading, showPullRow, SERVICE } from './pull/table.ts';
import { runSeries } from './series.ts';
import { heading, showRow, type Row } from './table.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TRIALS = 20;
const SEED_MAX = 1_000_000_000;
const FINDINGS_SHOWN = 5;
const PULL = 'pull';
/** Faults that are stories of their own, not a load that is broken. */
const WHOLE = [CAMPAIGNS, HOSTILE_MARKET, PAYOUTS, RE_RATING, PULL];
/** Of each order system that is pulled. */
const ORDERS = 10_000;
const ORDERS_LEAST = 100;
/** Of each trial of the hostile market. */
const HOSTILE_ORDERS = 300;
const HOSTILE_ORDERS_SHORT = 80;
const HOSTILE_TRIALS_MAX = 10;
/** Of five kills each. */
const PAYOUT_TRIALS_MAX = 10;
/** Of six kills each. */
const RE_RATING_TRIALS_MAX = 10;
/** Of four kills each. */
const CAMPAIGN_TRIALS_MAX = 10;
/** What is tried before every change is taken, once each: one of every family. */
const SHORT = [
  'doubled',
  'poison',
  'kill-all-and-postgres',
  'deploy',
  'postgres-kill',
  'redis-killed',
  'api-postgres-answers-cut',
  HOSTILE_MARKET,
  PAYOUTS,
  CAMPAIGNS,
];
/** How many trials a mutant may live for. */
const MUTANT_TRIALS = 3;

const { values: options } = parseArgs({
  options: {
    trials: { type: 'string' },
    seed: { type: 'string' },
    fault: { type: 'string' },
    orders: { type: 'string' },
    mutant: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});

const say = (text: string) => process.stdout.write(`${text}\n`);

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} must be a whole number`);
  return Number(text);
}

interface Ground {
  folder: string;
  postgres: Postgres;
  seed: number;
}

/**
 * Shows what was found in a trial, and how to see it again. The trials go on: how often it happens
 * is part of the answer.
 */
function complain(seed: number, { fault, findings }: Row, more = ''): boolean {
  if (findings.length === 0) return false;
  for (const { column, text } of findings.slice(0, FINDINGS_SHOWN)) say(`  ${column}: ${text}`);
  if (findings.length > FINDINGS_SHOWN) say(`  and ${findings.length - FINDINGS_SHOWN} more`);
  say(`  again: npm run verify -- --fault ${fault} --seed ${seed} --trials 1${more}`);
  return false;
}

async function verify(ground: Ground, names: readonly string[], trials: number): Promise<boolean> {
  const faults = faultsNamed(names);
  if (faults.length > 0) say(heading());
  let clean = true;
  for (const fault of faults) {
    const row = await runSeries({ ...ground, fault, trials, root: ROOT, onTrial: complain });
    say(showRow(row));
    clean &&= row.findings.length === 0;
  }
  return clean;
}

/** Orders are told through all doors at once, as the world tells them. */
async function verifyHostile(ground: Ground, trials: number, orders: number): Promise<boolean> {
  say(heading());
  const row = await runHostile({
    ...ground,
    trials,
    orders,
    root: ROOT,
    onTrial: (seed, trial) => complain(seed, trial, ` --orders ${orders}`),
  });
  say(showRow(row));
  return row.findings.length === 0;
}

/** Promoters are paid by a provider that fails, and the service is killed at every step. */
async function verifyPayouts(ground: Ground, trials: number): Promise<boolean> {
  say(heading());
  const row = await runPayouts({ ...ground, trials, root: ROOT, onTrial: complain });
  say(showRow(row));
  say(`killed ${row.kills} times while money was under way`);
  return row.findings.length === 0;
}

/** A rate is corrected for the past under load, and the service is killed while that is booked. */
async function verifyReRatings(ground: Ground, trials: number): Promise<boolean> {
  say(heading());
  const row = await runReRatings({ ...ground, trials, root: ROOT, onTrial: complain });
  say(showRow(row));
  say(`killed ${row.kills} times while orders were re-rated`);
  return row.findings.length === 0;
}

/** Budgets are spent from everywhere at once, and the service is killed in the middle. */
async function verifyCampaigns(ground: Ground, trials: number): Promise<boolean> {
  say(heading());
  const row = await runCampaigns({ ...ground, trials, root: ROOT, onTrial: complain });
  say(showRow(row));
  say(`killed ${row.kills} times while budgets were spent`);
  return row.findings.length === 0;
}

/** Every order system is pulled while it moves, fails, and whoever pulls is killed. */
async function verifyPull(ground: Ground, orders: number): Promise<boolean> {
  const { rows, findings, kills } = await runPull({ ...ground, orders, root: ROOT });
  say(pullHeading());
  for (const row of rows) say(showPullRow(row, findings));
  const ofService = findings.filter(({ system }) => system === SERVICE);
  say(`killed ${kills} times; laws, balance and audit: ${ofService.length} violated`);
  for (const { system, column, text } of findings.slice(0, FINDINGS_SHOWN)) say(`  ${system}: ${column}: ${text}`);
  if (findings.length > FINDINGS_SHOWN) say(`  and ${findings.length - FINDINGS_SHOWN} more`);
  if (findings.length > 0) say(`  again: npm run verify -- --fault ${PULL} --seed ${ground.seed} --orders ${orders}`);
  return findings.length === 0;
}

/** A machine that is too busy starts nothing in time, and answers nothing; so does no mutant. */
const OF_MACHINE = /a process of the service did not start|TypeError: fetch failed/;

/**
 * What gives a mutant away. That something was refused does not, nor that the service did not come
 * up again: so does a healthy one on a machine that has too much to do.
 */
const tellingOf = ({ findings }: Row) => findings.filter(({ column, text }) => column !== 'refused' && !OF_MACHINE.test(text));

/** What caught the mutant; null when it lived. */
async function hunt(ground: Ground, mutant: Mutant): Promise<string | null> {
  const root = await buildMutant(ROOT, ground.folder, mutant);
  try {
    const onTrial = (_seed: number, row: Row) => tellingOf(row).length > 0;
    const given = { ...ground, trials: MUTANT_TRIALS, root, onTrial };
    const row = await huntingRow(mutant, given);
    const [first] = tellingOf(row);
    return mutant.refuses !== undefined || first === undefined ? null : `${showRow(row)}\n  ${first.column}: ${first.text}`;
  } catch (error) {
    if (mutant.refuses?.test(String(error)) === true) return `  it refuses to start: ${mutant.refuses.source}`;
    throw error;
  }
}

function huntingRow({ fault }: Mutant, given: Parameters<typeof runPayouts>[0]): Promise<Row> {
  if (fault === PAYOUTS) return runPayouts(given);
  if (fault === CAMPAIGNS) return runCampaigns(given);
  if (fault === HOSTILE_MARKET) return runHostile({ ...given, orders: HOSTILE_ORDERS_SHORT });
  return runSeries({ ...given, fault: faultsNamed([fault])[0]! });
}

async function huntAll(ground: Ground, which: string): Promise<boolean> {
  const mutants = MUTANTS.filter(({ name }) => which === 'all' || which.split(',').includes(name));
  if (mutants.length === 0) throw new Error(`there is no mutant ${which}; there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  say(heading());
  let allCaught = true;
  for (const mutant of mutants) {
    const caught = await hunt(ground, mutant);
    say(caught === null ? `mutant ${mutant.name} LIVES` : `mutant ${mutant.name} is caught\n${caught}`);
    allCaught &&= caught !== null;
  }
  return allCaught;
}

async function main(): Promise<void> {
  const trials = wholeNumber('trials', options.trials, options.short ? 1 : TRIALS);
  const seed = wholeNumber('seed', options.seed, randomInt(SEED_MAX));
  const orders = Math.max(ORDERS_LEAST, wholeNumber('orders', options.orders, ORDERS));
  const hostile = options.orders === undefined ? (options.short ? HOSTILE_ORDERS_SHORT : HOSTILE_ORDERS) : orders;
  const all = options.fault?.split(',') ?? (options.short ? SHORT : [...FAULTS.map(({ name }) => name), ...WHOLE]);
  const names = all.filter((name) => !WHOLE.includes(name));
  const { path: folder, remove } = await temporaryFolder('verify', tmpdir());
  try {
    const postgres = await openPostgres(folder);
    try {
      const ground = { folder, postgres, seed };
      say(
        options.mutant === undefined && all.some((name) => name !== PULL)
          ? `seed ${seed}, ${trials} trials of each fault\n`
          : `seed ${seed}\n`,
      );
      const fine =
        options.mutant === undefined
          ? [
              await verify(ground, names, trials),
              !all.includes(HOSTILE_MARKET) || (await verifyHostile(ground, Math.min(trials, HOSTILE_TRIALS_MAX), hostile)),
              !all.includes(PAYOUTS) || (await verifyPayouts(ground, Math.min(trials, PAYOUT_TRIALS_MAX))),
              !all.includes(RE_RATING) || (await verifyReRatings(ground, Math.min(trials, RE_RATING_TRIALS_MAX))),
              !all.includes(CAMPAIGNS) || (await verifyCampaigns(ground, Math.min(trials, CAMPAIGN_TRIALS_MAX))),
              !all.includes(PULL) || (await verifyPull(ground, orders)),
            ]
          : [await huntAll(ground, options.mutant)];
      process.exitCode = fine.every(Boolean) ? 0 : 1;
    } finally {
      await postgres.close();
    }
  } finally {
    await remove();
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();
