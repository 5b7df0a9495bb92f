// The guards over HTTP: what each of them last found, whether the books hold, and one of them asked
// now.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http/app.ts';
import { answerOnce } from '../platform/http/idempotency.ts';
import { problems } from '../platform/http/problem.ts';
import type { DB } from '../platform/postgres/tables.ts';
import type { Guard } from './guard.ts';
import { showTexts } from './guard-words.ts';
import { isStale, runGuards } from './run.ts';
import { readResults, type GuardResult } from './guard-result-store.ts';

const tags = ['guards'];
const scopes = ['admin', 'auditor'] as const;
/**
 * A guard that reads all of the books reads them in short pieces, which take as long as they take.
 */
const RUN_TIMEOUT_MS = 120_000;

const wordsAnswer = z.object({
  says: z.string().meta({ description: 'What holds while it is ok.' }),
  broken: z.string().meta({ description: 'What is the matter while it is not.' }),
  what_to_do: z.string().meta({ description: 'What its reader does then.' }),
});

const guardAnswer = z
  .object({
    name: z.string(),
    kind: z.enum(['law', 'alarm']).meta({ description: 'A law of the books, or an alarm about the world.' }),
    says: z.string().meta({ description: 'What holds while it is ok, in English.' }),
    words: z.object({ en: wordsAnswer, zh: wordsAnswer }).meta({ description: 'What it says to people, in each language.' }),
    ok: z.boolean().meta({ description: 'False also when it could not be asked, was not for too long, or never was.' }),
    violations: z.int().meta({ description: 'How many; counting stops at some 10 000.' }),
    sample: z.array(z.record(z.string(), z.unknown())).meta({ description: 'At most five of them.' }),
    checked_at: z.date().nullable().meta({ description: 'Null when it was never asked.' }),
    full_at: z.date().nullable().meta({ description: 'When it last read everything; in between it may read what is new.' }),
  })
  .meta({ id: 'Guard' });

const guardsAnswer = z.object({
  ok: z.boolean().meta({ description: 'No law is broken. Alarms do not count.' }),
  data: z.array(guardAnswer),
});

const path = z.object({ name: z.string().meta({ example: 'balances_folded' }) });

/** GET /v1/guards, GET /v1/guards/{name}, POST /v1/guards/{name}/runs. */
export function guardRoutes(app: App, { db, guards }: { db: Kysely<DB>; guards: readonly Guard[] }): void {
  const named = (name: string): Guard => {
    const guard = guards.find((one) => one.name === name);
    if (guard === undefined) throw new DomainError('not_found', 'There is no guard of this name.');
    return guard;
  };

  app.get('/v1/guards', {
    config: { scopes: [...scopes] },
    schema: {
      operationId: 'guards.list',
      tags,
      summary: 'The laws of the books and the alarms about the world, as they were last found',
      description: 'The top `ok` says that no law is broken; an alarm asks somebody to look.',
      response: { 200: guardsAnswer },
    },
    handler: async () => {
      const [results, now] = [await readResults(db), new Date()];
      const data = guards.map((guard) => show(guard, results.get(guard.name), now));
      return { ok: data.every((guard) => guard.kind === 'alarm' || guard.ok), data };
    },
  });

  app.get('/v1/guards/:name', {
    config: { scopes: [...scopes] },
    schema: {
      operationId: 'guards.get',
      tags,
      summary: 'One guard',
      description: 'As it was last found, with a sample of what breaks it.',
      params: path,
      response: { 200: guardAnswer, ...problems('not_found') },
    },
    handler: async ({ params }) => {
      const guard = named(params.name);
      return show(guard, (await readResults(db)).get(guard.name), new Date());
    },
  });

  app.post('/v1/guards/:name/runs', {
    config: { scopes: ['admin'], roles: ['operator', 'finance', 'risk'] },
    handlerTimeout: RUN_TIMEOUT_MS,
    schema: {
      operationId: 'guards.run',
      tags,
      summary: 'Ask one guard now, about everything',
      description: 'Reads everything that it is about, in short pieces, and answers what it found. It changes nothing.',
      params: path,
      response: { 200: guardAnswer, ...problems('not_found') },
    },
    handler: async (request, reply) => {
      const guard = named(request.params.name);
      const now = new Date();
      // Asking changes nothing, so a retry asks again; it is answered as the first was.
      const [result] = await runGuards(db, [guard], { now, all: true });
      await answerOnce(request, reply, db, async () => ({ status: 200, body: show(guard, result, now) }));
    },
  });
}

function show({ name, kind, words: told }: Guard, result: GuardResult | undefined, now: Date) {
  const named = { name, kind, says: told.en.says, words: showTexts(told) };
  if (result === undefined) return { ...named, ok: false, violations: 0, sample: [], checked_at: null, full_at: null };
  const { violations, sample, checkedAt, fullAt } = result;
  const ok = violations === 0 && !isStale(result, now);
  return { ...named, ok, violations, sample, checked_at: checkedAt, full_at: fullAt };
}
