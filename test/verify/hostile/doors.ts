// The doors through which a plan is sent, many at once: REST, signed pushes, and files. What a door answers otherwise than it must is a finding.

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import { ADMIN_KEY } from '../fleet.ts';
import type { Finding } from '../journal.ts';
import { ask } from '../market.ts';
import type { Random } from '../random.ts';
import { signedHeaders } from './canonical.ts';
import { shuffled } from './json.ts';
import type { Plan, PlannedFile, PlannedSend } from './plan.ts';
import { shopHeaders } from './shops.ts';
import type { World } from './world.ts';

const SENDERS = 12;
const REQUEST_MS_MAX = 30_000;
const FILE_MS_MAX = 60_000;
const POLL_MS = 150;

export interface Sent {
  acknowledged: number;
  findings: Finding[];
}

/** Sends one phase of the plan through all doors at once, in an order that the dice choose. */
export async function sendPhase({ sends, files }: Plan, phase: number, world: World, random: Random): Promise<Sent> {
  const sent: Sent = { acknowledged: 0, findings: [] };
  const work = shuffled(
    [
      ...sends.filter((one) => one.phase === phase).map((one) => () => sendOne(one, world, random, sent)),
      ...files.filter((one) => one.phase === phase).map((one) => () => sendFile(one, world, random, sent)),
    ],
    random,
  );
  const sender = async () => {
    for (let next = work.pop(); next !== undefined; next = work.pop()) await next();
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  return sent;
}

async function sendOne({ about, sourceId, teller, body, ends }: PlannedSend, world: World, random: Random, sent: Sent): Promise<void> {
  const isRest = teller === 'rest';
  const keyed: Record<string, string> = random.chance(0.2) ? { 'idempotency-key': randomUUID() } : {};
  const headers = isRest
    ? { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...keyed }
    : teller === 'webhook'
      ? signedHeaders(body)
      : shopHeaders(teller, body, random);
  const path = isRest ? '/v1/orders' : `/webhooks/${encodeURIComponent(sourceId)}`;
  const answer = await fetch(world.url() + path, {
    method: 'POST',
    headers,
    body: new Uint8Array(body),
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  });
  const text = await answer.text();
  if (answer.ok) sent.acknowledged += 1;
  const isRight = ends === 'refused' ? answer.status === 400 || answer.status === 422 : answer.ok;
  if (isRight) return;
  sent.findings.push({
    column: answer.ok ? 'wrong' : 'refused',
    text: `a body of ${about} to ${path} was answered ${answer.status}: ${text.slice(0, 300)}\n    ${shown(body)}`,
  });
}

export const shown = (body: Buffer): string => body.toString('utf8').slice(0, 1500);

interface Reconciliation {
  reconciliation_id: string;
  state: string;
  rows: number;
  bad_rows: number;
  errors: { line: number; message: string }[];
  error: string | null;
  finished_at: string | null;
}

/** Uploads a file, mostly tried dry before, and sometimes twice. */
async function sendFile(file: PlannedFile, world: World, random: Random, sent: Sent): Promise<void> {
  const tries = [...(random.chance(0.5) ? [true] : []), false, ...(random.chance(0.3) ? [false] : [])];
  for (const isDry of tries) {
    const told = await upload(file, world, isDry);
    const is =
      typeof told === 'string'
        ? told
        : `${told.state}, ${told.rows} rows, ${told.bad_rows} bad ${JSON.stringify(told.errors.slice(0, 8))} ${told.error ?? ''}`;
    const isRight = typeof told !== 'string' && told.state === 'done' && told.rows === file.rows && told.bad_rows === file.badRows;
    if (isRight) sent.acknowledged += 1;
    else {
      const what = `a file of ${file.rows} rows, ${file.badRows} of them bad, to ${file.sourceId}`;
      const beginning = file.bytes.toString(file.contentType.startsWith('text') ? 'utf8' : 'latin1').slice(0, 600);
      sent.findings.push({
        column: 'wrong',
        text: `${what} (${JSON.stringify(file.query)}, dry: ${isDry}) ended as ${is}\n    ${beginning}`,
      });
    }
  }
}

async function upload(
  { bytes, contentType, query, sourceId }: PlannedFile,
  world: World,
  isDry: boolean,
): Promise<Reconciliation | string> {
  const asked = new URLSearchParams({ source_id: sourceId, ...query, dry_run: String(isDry), confirm_all_new: 'true' });
  if (sourceId === 'rest') asked.set('merchant_id', world.merchantId);
  const answer = await fetch(`${world.url()}/v1/reconciliations?${asked.toString()}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': contentType },
    body: new Uint8Array(bytes),
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
  });
  const text = await answer.text();
  if (!answer.ok) return `${answer.status} ${text.slice(0, 500)}`;
  let told = JSON.parse(text) as Reconciliation;
  const until = Date.now() + FILE_MS_MAX;
  while (told.finished_at === null && Date.now() < until) {
    await sleep(POLL_MS);
    told = (await ask(world.url(), 'GET', `/v1/reconciliations/${told.reconciliation_id}`)) as unknown as Reconciliation;
  }
  return told;
}
