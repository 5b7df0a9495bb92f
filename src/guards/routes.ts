// The guards over HTTP: what each of them last found, and whether the books hold.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http.ts';
import { problems } from '../platform/problem.ts';
import type { DB } from '../platform/tables.ts';
import type { Guard } from './guard.ts';
import { isStale, runGuards } from './run.ts';
import { readResults, type GuardResult } from './store.ts';

const tags = ['guards'];
const scopes = ['admin', 'auditor'] as const;
/** Of a book that nobody has looked at yet, the first answer is the first look. */
const FIRST_LOOK_TIMEOUT_MS = 120_000;

const guardAnswer = z
  .object({
    name: z.string(),
    kind: z.enum(['law', 'alarm']).meta({ description: 'A law of the books, or an alarm about the world.' }),
    says: z.string().meta({ description: 'What holds while it is ok.' }),
    ok: z.boolean().meta({ description: 'False also when it could not be asked, or was not for too long.' }),
    violations: z.int().meta({ description: 'How many; counting stops at some 10 000.' }),
    sample: z.array(z.record(z.string(), z.unknown())).meta({ description: 'At most five of them.' }),
    checked_at: z.date(),
  })
  .meta({ id: 'Guard' });

const guardsAnswer = z.object({
  ok: z.boolean().meta({ description: 'No law is broken. Alarms do not count.' }),
  data: z.array(guardAnswer),
});

/** GET /v1/guards and GET /v1/guards/{name}. */
export function guardRoutes(app: App, { db, guards }: { db: Kysely<DB>; guards: readonly Guard[] }): void {
  app.get('/v1/guards', {
    config: { scopes: [...scopes] },
    handlerTimeout: FIRST_LOOK_TIMEOUT_MS,
    schema: {
      tags,
      summary: 'The laws of the books and the alarms about the world, as they were last found',
      response: { 200: guardsAnswer, ...problems(401, 403) },
    },
    handler: async () => {
      const data = await showGuards(db, guards);
      return { ok: data.every((guard) => guard.kind === 'alarm' || guard.ok), data };
    },
  });

  app.get('/v1/guards/:name', {
    config: { scopes: [...scopes] },
    handlerTimeout: FIRST_LOOK_TIMEOUT_MS,
    schema: {
      tags,
      summary: 'One guard',
      params: z.object({ name: z.string() }),
      response: { 200: guardAnswer, ...problems(401, 403, 404) },
    },
    handler: async ({ params: { name } }) => {
      const guard = guards.find((one) => one.name === name);
      if (guard === undefined) throw new DomainError('not_found', 'There is no guard of this name.');
      return (await showGuards(db, [guard]))[0]!;
    },
  });
}

/** Each guard with its last result; one that was never asked is asked now. */
async function showGuards(db: Kysely<DB>, guards: readonly Guard[]) {
  const now = new Date();
  const results = await readResults(db);
  const unasked = guards.filter((guard) => !results.has(guard.name));
  for (const result of await runGuards(db, unasked, { now, all: true })) results.set(result.name, result);
  return guards.map((guard) => show(guard, results.get(guard.name)!, now));
}

function show({ name, kind, says }: Guard, result: GuardResult, now: Date) {
  const { violations, sample, checkedAt } = result;
  return { name, kind, says, ok: violations === 0 && !isStale(result, now), violations, sample, checked_at: checkedAt };
}
