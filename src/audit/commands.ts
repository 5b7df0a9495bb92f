// The commands of whoever audits: everything computed again, and a statement checked by nothing but
// itself. What they print is for people.

import { readFile } from 'node:fs/promises';

import { checkStatement, type CheckedStatement } from '../ledger/statement-check.ts';
import { audit, type AuditCounts } from './audit.ts';
import type { BatchAuditorDeps } from './batch.ts';
import { differenceLine, type Difference } from './difference.ts';
import { hasOrders } from './audit-store.ts';
import { openThreadPool, ownAuditors } from './thread-pool.ts';
import { messageOf } from '../platform/error-text.ts';

type Print = (text: string) => void;

/** Below it the threads would take longer to start than they save. */
const ORDERS_OF_THREADS = 10_000;

interface AuditDeps extends BatchAuditorDeps {
  connectionString: string;
}

/**
 * Audits everything and prints every difference on a line of its own. Answers the exit code: 0
 * where all agrees.
 */
export async function auditCommand(deps: AuditDeps, print: Print): Promise<number> {
  const started = performance.now();
  const { auditors, close } = (await hasOrders(deps.db, ORDERS_OF_THREADS)) ? openThreadPool(deps) : ownAuditors(deps);
  const onDifference = (difference: Difference): void => print(`${differenceLine(difference)}\n`);
  let audited: AuditCounts;
  try {
    audited = await audit(deps.db, auditors, { onDifference });
  } finally {
    await close();
  }
  const seconds = (performance.now() - started) / 1000;
  const { orders, waiting, reports, deliveries, transfers, accounts, payouts, bonuses, campaigns, chain, differences } = audited;
  print(`${orders} orders (${waiting} wait for their award), ${reports} reports of ${deliveries} deliveries, ${transfers} transfers, `);
  print(`${accounts} accounts, ${payouts} payouts, ${bonuses} bonuses, ${campaigns} campaigns, `);
  print(`${chain.links} links of ${chain.transfers} transfers, in ${seconds.toFixed(1)} s\n`);
  if (chain.last !== null) {
    print(`the chain ends with link ${chain.last.linkNo} of ${chain.last.day}: ${chain.last.hash.toString('hex')}\n`);
  }
  print(differences === 0 ? 'all agrees\n' : `${differences} differences\n`);
  return differences === 0 ? 0 : 1;
}

/** Checks a statement's file, without any database. Answers the exit code: 0 where it holds. */
export async function statementCheckCommand(file: string | undefined, print: Print): Promise<number> {
  if (file === undefined) {
    print('statement-check needs the file of a statement\n');
    return 1;
  }
  let checked: CheckedStatement;
  try {
    checked = checkStatement(await readFile(file, 'utf8'));
  } catch (error) {
    print(`${file} cannot be read as a statement: ${messageOf(error)}\n`);
    return 1;
  }
  const { faults, entries, unchained, last } = checked;
  for (const fault of faults) print(`${fault}\n`);
  print(`${entries} entries, ${entries - unchained} of them chained, ${unchained} not yet\n`);
  if (last !== null) print(`the last link is ${last.linkNo} of ${last.day}: ${last.hash}\n`);
  print(faults.length === 0 ? 'the statement holds\n' : `${faults.length} faults\n`);
  return faults.length === 0 ? 0 : 1;
}
