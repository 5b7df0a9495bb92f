// Whether the process lives, and whether it can do its work.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from './core/errors.ts';
import type { App } from './platform/http/app.ts';
import { isMigrated } from './platform/postgres/migrate.ts';
import { problems } from './platform/http/problem.ts';
import type { DB } from './platform/postgres/tables.ts';

const status = z.object({ status: z.literal('ok') });
const tags = ['health'];

/** GET /healthz and GET /readyz. */
export function healthRoutes(app: App, { db }: { db: Kysely<DB> }): void {
  app.get('/healthz', {
    schema: { tags, summary: 'The process lives', response: { 200: status } },
    handler: async () => ({ status: 'ok' as const }),
  });
  app.get('/readyz', {
    schema: { tags, summary: 'The database is there and migrated', response: { 200: status, ...problems(503) } },
    handler: async () => {
      if (!(await isMigrated(db))) throw new DomainError('unavailable', 'The database is not migrated.');
      return { status: 'ok' as const };
    },
  });
}
