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
    schema: {
      operationId: 'health.live',
      tags,
      summary: 'The process lives',
      description: 'Answers as long as the process answers anything. It asks neither the database nor anybody else.',
      response: { 200: status, ...problems('malformed_request') },
    },
    handler: async () => ({ status: 'ok' as const }),
  });
  app.get('/readyz', {
    schema: {
      operationId: 'health.ready',
      tags,
      summary: 'The database is there and migrated',
      description: 'Answers 200 once the database can be reached and has all migrations; until then send no requests here.',
      response: { 200: status, ...problems('malformed_request', 'unavailable') },
    },
    handler: async () => {
      if (!(await isMigrated(db))) throw new DomainError('unavailable', 'The database is not migrated.');
      return { status: 'ok' as const };
    },
  });
}
