// The audit log, as it is read.

import type { Kysely } from 'kysely';
import { z } from 'zod';

import { listChanges } from './audit-log.ts';
import { time } from '../http/fields.ts';
import type { App } from '../http/app.ts';
import { cursorNumber, decodeCursor, pageOf, pageQuery, toPage } from '../http/paging.ts';
import type { DB } from '../postgres/tables.ts';

const filter = pageQuery.extend({
  subject_kind: z.string().optional().meta({ description: 'What was changed: `key`, `merchant`, `rule` …' }),
  subject_id: z.string().optional(),
  from: time.optional(),
  to: time.optional().meta({ description: 'Changes before this time only.' }),
});

const change = z
  .object({
    audit_id: z.string(),
    recorded_at: z.date(),
    key_id: z.uuid().nullable().meta({ description: 'Who: the API key; null for what the service did of itself.' }),
    action: z.string(),
    subject_kind: z.string(),
    subject_id: z.string(),
    before: z.unknown(),
    after: z.unknown(),
  })
  .meta({ id: 'Change' });

const place = z.tuple([cursorNumber]);

/** GET /v1/audit-log. */
export function auditLogRoutes(app: App, db: Kysely<DB>): void {
  app.get('/v1/audit-log', {
    config: { scopes: ['auditor'] },
    schema: {
      operationId: 'auditLog.list',
      tags: ['audit'],
      summary: 'Every change an operator made, the latest first',
      description: 'Who changed what and when, with the state before and after. Secrets are never in it.',
      querystring: filter,
      response: { 200: pageOf(change) },
    },
    handler: async ({ query }) => {
      const before = query.cursor === undefined ? null : decodeCursor(query.cursor, place)[0];
      const wanted = {
        subjectKind: query.subject_kind ?? null,
        subjectId: query.subject_id ?? null,
        from: query.from ?? null,
        to: query.to ?? null,
      };
      const rows = await listChanges(db, wanted, { limit: query.limit, before });
      return toPage(
        rows,
        query.limit,
        (row) => ({ ...row, audit_id: String(row.audit_id) }),
        (row) => [row.audit_id],
      );
    },
  });
}
