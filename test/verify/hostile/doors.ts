// The doors through which a plan is sent, many at once: REST, signed pushes, and files. What a door
// answers otherwise than it must is a finding.

import { createCipheriv, createHash, randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import type { components } from '../../../client/api.ts';
import { ADMIN_KEY } from '../fleet.ts';
import type { Finding } from '../journal.ts';
import { adminOf } from '../market.ts';
import type { Random } from '../random.ts';
import { signedHeaders } from './canonical.ts';
import { shuffled } from './json.ts';
import type { Plan, PlannedFile, PlannedSend } from './plan.ts';
import { DOUDIAN, WECHAT, type Platforms } from './platforms.ts';
import { HOUR_MS } from './said.ts';
import { shopHeaders } from './shops.ts';
import type { World } from './world.ts';

const SENDERS = 12;
const REQUEST_MS_MAX = 30_000;
const FILE_MS_MAX = 60_000;
const POLL_MS = 150;

interface Sent {
  acknowledged: number;
  findings: Finding[];
}

/** Sends one phase of the plan through all doors at once, in an order that the dice choose. */
export async function sendPhase(
  { sends, files, listed }: Plan,
  phase: number,
  world: World,
  platforms: Platforms,
  random: Random,
): Promise<Sent> {
  const sent: Sent = { acknowledged: 0, findings: [] };
  for (const state of listed) if (state.phase === phase) platforms.reach(state);
  const work = shuffled(
    [
      ...sends
        .filter((one) => one.phase === phase)
        .map((one) => () => {
          if (one.reaches !== undefined) platforms.reach(one.reaches);
          return sendOne(one, world, random, sent);
        }),
      ...files.filter((one) => one.phase === phase).map((one) => () => sendFile(one, world, random, sent)),
      () => reconcile(world.sources.taobao, world, sent),
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
  const sealed = isRest
    ? { body, headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json', ...keyed } }
    : sealedPush(teller, body, random);
  const path = isRest ? '/v1/orders' : `/webhooks/${encodeURIComponent(sourceId)}${sealed.query ?? ''}`;
  const init = { method: 'POST', headers: sealed.headers, body: new Uint8Array(sealed.body), signal: AbortSignal.timeout(REQUEST_MS_MAX) };
  const answer = await fetch(world.url() + path, init);
  const text = await answer.text();
  if (answer.ok) sent.acknowledged += 1;
  const isRight = ends === 'refused' ? answer.status === 400 || answer.status === 422 : answer.ok;
  if (isRight) return;
  sent.findings.push({
    column: answer.ok ? 'wrong' : 'refused',
    text: `a body of ${about} to ${path} was answered ${answer.status}: ${text.slice(0, 300)}\n    ${shown(body)}`,
  });
}

interface Sealed {
  body: Buffer;
  headers: Record<string, string>;
  query?: string;
}

/** A push as its platform signs it, and encrypts it where that does. */
function sealedPush(teller: PlannedSend['teller'], body: Buffer, random: Random): Sealed {
  if (teller === 'wechat-shop') return wechatPush(body);
  if (teller !== 'doudian') return { body, headers: teller === 'webhook' ? signedHeaders(body) : shopHeaders(teller, body, random) };
  const sign = createHash('md5').update(DOUDIAN.app_key).update(body).update(DOUDIAN.app_secret).digest('hex');
  return { body, headers: { 'content-type': 'application/json', 'app-id': DOUDIAN.app_key, 'event-sign': sign } };
}

/**
 * AES-256-CBC over sixteen random bytes, the length, the message and the application, and a SHA-1
 * over what is sent.
 */
function wechatPush(message: Buffer): Sealed {
  const key = Buffer.from(`${WECHAT.encoding_aes_key}=`, 'base64');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.length);
  const plain = Buffer.concat([randomBytes(16), length, message, Buffer.from(WECHAT.app_id)]);
  const padding = 32 - (plain.length % 32);
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false);
  const encrypted = Buffer.concat([cipher.update(Buffer.concat([plain, Buffer.alloc(padding, padding)])), cipher.final()]).toString(
    'base64',
  );
  const [timestamp, nonce] = [String(Math.floor(Date.now() / 1000)), 'nonce'];
  const signature = createHash('sha1').update([WECHAT.token, timestamp, nonce, encrypted].toSorted().join('')).digest('hex');
  const query = `?msg_signature=${signature}&timestamp=${timestamp}&nonce=${nonce}&encrypt_type=aes`;
  return {
    body: Buffer.from(JSON.stringify({ ToUserName: 'gh_1', Encrypt: encrypted })),
    headers: { 'content-type': 'application/json' },
    query,
  };
}

/** Asks a source for what its lists tell of the hour of this trial. */
async function reconcile(sourceId: string, world: World, sent: Sent): Promise<void> {
  const range = {
    source_id: sourceId,
    from: new Date(world.listedFrom).toISOString(),
    to: new Date(world.listedFrom + HOUR_MS).toISOString(),
  };
  const { data: made } = await adminOf(world.url()).POST('/v1/reconciliations', { body: range });
  const { state, error } = await finished(made, world);
  if (state === 'done') sent.acknowledged += 1;
  else sent.findings.push({ column: 'wrong', text: `reconciling ${sourceId} ended as ${state}: ${error}` });
}

export const shown = (body: Buffer): string => body.toString('utf8').slice(0, 1500);

type Reconciliation = components['schemas']['Reconciliation'];

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
  return finished(JSON.parse(text) as Reconciliation, world);
}

async function finished(made: Reconciliation, world: World): Promise<Reconciliation> {
  let told = made;
  const until = Date.now() + FILE_MS_MAX;
  while (told.finished_at === null && Date.now() < until) {
    await sleep(POLL_MS);
    const path = { reconciliation_id: made.reconciliation_id };
    ({ data: told } = await adminOf(world.url()).GET('/v1/reconciliations/{reconciliation_id}', { params: { path } }));
  }
  return told;
}
