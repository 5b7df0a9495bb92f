// How long a file of orders takes that nobody knew of: kept, read row by row, entered through the
// one door, merged, looked at again. node --import tsx test/bench/upload.ts [rows]

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import type { components } from '../../client/api.ts';
import { adminOf } from './market.ts';
import { ADMIN_KEY, startService, type Running } from './processes.ts';

/** One row of so many is bad. */
const BAD_EVERY = 1000;
const ROWS_PER_CHUNK = 1000;
const LOOK_EVERY_MS = 1000;

type Told = components['schemas']['Reconciliation'];

async function benchUpload(rows: number): Promise<string[]> {
  const service = await startService('serve');
  try {
    await adminOf(service).PUT('/v1/merchants/{merchant_id}', {
      params: { path: { merchant_id: 'm1' } },
      body: { name: 'Baby Care', currency: 'CNY', landing_hosts: ['shop.example.com'] },
    });
    const started = performance.now();
    const secondsSince = () => (performance.now() - started) / 1000;
    const first = await uploadAll(service, rows);
    const kept = secondsSince();
    const told = await untilDone(service, first);
    const whole = secondsSince();
    const bad = Math.floor(rows / BAD_EVERY);
    const right =
      told.state === 'done' && told.bad_rows === bad && [told.checked, told.missing, told.recovered].every((n) => n === rows - bad);
    if (!right) throw new Error(`the file was not taken as it is: ${JSON.stringify(told)}`);
    return [
      `upload     ${rows} rows, ${bad} of them bad: kept and answered in ${kept.toFixed(0)} s`,
      `           all merged, awarded and looked at again after ${whole.toFixed(0)} s, ${Math.round(rows / whole)} rows/s`,
      `           the service held ${peakMebibytes(service)} MiB at most`,
    ];
  } finally {
    await service.stop();
  }
}

// By hand: the client sends an Idempotency-Key, and keeping the answer under it would be measured,
// too.
async function uploadAll(service: Running, rows: number): Promise<Told> {
  const answer = await fetch(`${service.url}/v1/reconciliations?source_id=rest&merchant_id=m1`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'text/csv' },
    body: fileOf(rows),
  });
  if (!answer.ok) throw new Error(`the file was answered ${answer.status}: ${await answer.text()}`);
  return (await answer.json()) as Told;
}

function fileOf(rows: number): string {
  const chunks = ['order_id,status,currency,paid_amount,line_id,product_id,quantity,paid_at\n'];
  for (let from = 0; from < rows; from += ROWS_PER_CHUNK) {
    const lines = Array.from({ length: Math.min(ROWS_PER_CHUNK, rows - from) }, (_, n) => rowOf(from + n));
    chunks.push(lines.join(''));
  }
  return chunks.join('');
}

const rowOf = (n: number): string =>
  `order${n},paid,CNY,${n % BAD_EVERY === BAD_EVERY - 1 ? '-1' : 1000 + (n % 9000)},1,p${n % 1000},1,2026-06-01T10:00:00Z\n`;

async function untilDone(service: Running, first: Told): Promise<Told> {
  for (let told = first; ; await sleep(LOOK_EVERY_MS)) {
    if (told.finished_at !== null) return told;
    const path = { reconciliation_id: first.reconciliation_id };
    ({ data: told } = await adminOf(service).GET('/v1/reconciliations/{reconciliation_id}', { params: { path } }));
  }
}

/** The most memory that the service ever held, from /proc; 0 where there is no /proc. */
function peakMebibytes({ pid }: Running): number {
  const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Math.round(Number(line?.[1] ?? 0) / 1024);
}

for (const line of await benchUpload(Number(process.argv[2] ?? 20_000))) process.stdout.write(`${line}\n`);
