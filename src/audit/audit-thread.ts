// What one thread of the audit does: it audits the ranges of orders that it is sent, by connections
// of its own, until it is sent nothing.

import type { KeyObject } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';

import { emptyRuleCache } from '../commission/rules/rule-cache.ts';
import { openDatabase } from '../platform/postgres/database.ts';
import { buildLogger } from '../platform/process/log.ts';
import { serveThread } from '../platform/process/thread.ts';
import { ADAPTERS } from '../sources/adapters.ts';
import { batchAuditor } from './batch.ts';

/** What a thread is started with. */
export interface ThreadData {
  connectionString: string;
  tokenKeys: KeyObject[];
  identityKey: KeyObject;
  levelsMax: number;
  /** How many ranges it is sent at a time. */
  auditors: number;
}

/** Serves a port. */
export function auditInThread(port: MessagePort, { connectionString, auditors, ...deps }: ThreadData): void {
  const log = buildLogger('warn');
  const { db, close } = openDatabase({ connectionString, poolSize: auditors, applicationName: 'fenyong-audit', log });
  serveThread(port, { answer: batchAuditor({ ...deps, db, adapters: ADAPTERS }, emptyRuleCache()), close });
}
