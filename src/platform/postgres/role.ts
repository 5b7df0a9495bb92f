// The role that the service acts as. Where the server lets us have it that is fenyong_app, which
// owns nothing and cannot change what is written once; on a database whose owner may make no roles
// it is the owner, and then the triggers of the tables are what refuses.

import { sql, type Kysely, type QueryExecutorProvider } from 'kysely';
import { DEFAULT_MIGRATION_LOCK_TABLE, DEFAULT_MIGRATION_TABLE } from 'kysely/migration';

import type { DB } from './tables.ts';

export const APP_ROLE = 'fenyong_app';
const ATTEMPTS_MAX = 5;
/** Another process made or granted the role at the same moment. */
const MADE_BY_ANOTHER = new Set(['42710', '23505', 'XX000', '40001']);
const INSUFFICIENT_PRIVILEGE = '42501';

/**
 * From version 16 on a member of a role need not be allowed to act as it; before, the kind of the
 * question was unknown.
 */
const MAY_SET = `pg_has_role(session_user, app, case when current_setting('server_version_num')::int < 160000 then 'MEMBER' else 'SET' end)`;
const APP = `(select oid from pg_roles where rolname = '${APP_ROLE}')`;
/** Readable by the role from the moment on at which it has all its privileges. */
const DONE = `to_regclass('${DEFAULT_MIGRATION_TABLE}')`;

/**
 * What a fresh connection runs to act as the service: it takes the role where that may be and has
 * its privileges, and stays the owner otherwise. Whoever is neither is refused: with the rights of
 * some other login nothing would be refused or everything.
 */
export const TAKE_ROLE = `do $role$
  declare
    app oid := ${APP};
    done oid := ${DONE};
  begin
    if app is not null and ${MAY_SET} and has_table_privilege(app, done, 'select') then
      perform set_config('role', '${APP_ROLE}', false);
    elsif done is not null and not (select pg_has_role(session_user, relowner, 'MEMBER') from pg_class where oid = done) then
      raise exception 'permission denied to set role "${APP_ROLE}"' using errcode = 'insufficient_privilege',
        hint = format('Let an administrator run: grant ${APP_ROLE} to %I', session_user);
    end if;
  end $role$`;

/** What a migration says of the role, each statement from its first word to its semicolon. */
const OF_THE_ROLE = new RegExp(`^(?:grant|revoke|alter default privileges)\\b[^;]*\\b${APP_ROLE};$`, 'gm');
/**
 * The first migration makes the role itself, and the partitions of clicks are kept from it by the
 * function that makes them.
 */
const MADE_FOR_THE_ROLE = new RegExp(`^do \\$\\$(?:(?!^end \\$\\$;$)[\\s\\S])*${APP_ROLE}[\\s\\S]*?^end \\$\\$;$`, 'gm');
const KEPT_FROM_THE_ROLE = new RegExp(`^ +execute format\\('revoke [^;]*${APP_ROLE}'[^;]*;$`, 'gm');

/**
 * The text of a migration for a database that has no such role: what it says of the role is left
 * out.
 */
export function withoutRole(text: string): string {
  return [OF_THE_ROLE, MADE_FOR_THE_ROLE, KEPT_FROM_THE_ROLE].reduce((rest, statements) => rest.replaceAll(statements, ''), text);
}

/** The rights that migrations give to the role and take from it, in their order. */
export function rightsIn(text: string): string[] {
  return text.match(OF_THE_ROLE) ?? [];
}

interface Standing {
  login: string;
  /** The login may act as the role. */
  takes: boolean;
  /** The role has all its privileges here. */
  privileged: boolean;
  exists: boolean;
  /** The login may make roles. */
  makes: boolean;
  /** The login owns the tables; null while there are none. */
  owns: boolean | null;
  version: number;
}

/** How the login of this connection stands to the role. */
export async function roleStandingOf(db: Kysely<DB>): Promise<Standing> {
  const { rows } = await sql<Standing>`
    select session_user as login, current_setting('server_version_num')::int as version, app is not null as exists,
      coalesce(${sql.raw(MAY_SET)}, false) as takes, coalesce(has_table_privilege(app, done, 'select'), false) as privileged,
      (select rolsuper or rolcreaterole from pg_roles where rolname = session_user) as makes,
      (select pg_has_role(session_user, relowner, 'MEMBER') from pg_class where pg_class.oid = done) as owns
    from (select ${sql.raw(APP)} as app, ${sql.raw(DONE)}::oid as done) as names`.execute(db);
  return rows[0]!;
}

/**
 * Makes the role where it is missing, and lets the login act as it. False where the server lets us
 * do neither: then the owner acts.
 */
export async function settleRole(db: Kysely<DB>): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const { exists, takes, makes, version } = await roleStandingOf(db);
    if (takes) return true;
    if (!exists && !makes) return false;
    try {
      if (!exists) await sql.raw(`create role ${APP_ROLE} nologin`).execute(db);
      // Who makes a role is its administrator, and from version 16 on no more than that.
      await sql.raw(`grant ${APP_ROLE} to session_user ${version < 160_000 ? '' : 'with inherit false, set true'}`).execute(db);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (code === INSUFFICIENT_PRIVILEGE) return false;
      if (!MADE_BY_ANOTHER.has(code) || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

/**
 * Gives the role its privileges on tables that were made without it, as by an owner who could not
 * have it then, or by a restore that left privileges out. `rights` are what the migrations say of
 * the role, in their order.
 */
export async function settlePrivileges(db: Kysely<DB>, rights: readonly string[]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const run = async (statement: string) => sql.raw(statement).execute(trx);
    await run(`grant select, insert, update, delete on all tables in schema public to ${APP_ROLE}`);
    await run(`grant usage, select on all sequences in schema public to ${APP_ROLE}`);
    await run(`revoke all on ${DEFAULT_MIGRATION_TABLE}, ${DEFAULT_MIGRATION_LOCK_TABLE} from ${APP_ROLE}`);
    await run(`do $$ declare part regclass; begin
      for part in select oid from pg_class where relispartition and relkind in ('r', 'p') and relnamespace = 'public'::regnamespace loop
        execute format('revoke update, delete, truncate on %s from ${APP_ROLE}', part);
      end loop;
    end $$`);
    for (const statement of rights) await run(statement);
    await letAskForMigrations(trx);
  });
}

/** The application asks for itself whether its database is migrated. */
export async function letAskForMigrations(db: QueryExecutorProvider): Promise<void> {
  await sql.raw(`grant select on ${DEFAULT_MIGRATION_TABLE} to ${APP_ROLE}`).execute(db);
}

/** What an administrator runs so that the service need not act as the owner. */
export function cureOf({ login, exists, version }: Standing): string {
  const grant = `grant ${APP_ROLE} to "${login.replaceAll('"', '""')}"${version < 160_000 ? '' : ' with set true'}`;
  return exists ? grant : `create role ${APP_ROLE} nologin; ${grant}`;
}
