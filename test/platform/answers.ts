// What tests ask of a database in plain SQL, and of a promise that must fail.

import { sql, type Kysely } from 'kysely';

import type { DB } from '../../src/platform/postgres/tables.ts';

export async function run(db: Kysely<DB>, text: string): Promise<Record<string, unknown>[]> {
  return (await sql.raw<Record<string, unknown>>(text).execute(db)).rows;
}

export async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('it went well');
    },
    (error: unknown) => error,
  );
}
