// Drafts of programs: a new tier or bonus program, or new terms of one.
import type { Kysely } from 'kysely';
import { z } from 'zod';
import { DomainError } from '../../../core/errors.ts';
import type { DB } from '../../../platform/postgres/tables.ts';
import { bonusProgramBody, bonusProgramId, bonusProgramStated, showBonusProgram } from '../../bonuses/bonus-program-body.ts';
import { findBonusBook, lockBonusBook } from '../../bonuses/bonus-program-store.ts';
import { nextBonusBook, stateBonusProgram, type StatedBonusProgram } from '../../bonuses/stating-bonus-program.ts';
import { nextTierProgram, stateTierProgram, type StatedTierProgram } from '../../tiers/stating-tier-program.ts';
import { showTierProgram, tierProgramBody, tierProgramId, tierProgramStated } from '../../tiers/tier-program-body.ts';
import { findTierProgram, lockTierPrograms } from '../../tiers/tier-program-store.ts';
import { faultsOfRefusal } from '../rule-check-routes.ts';
import type { DraftedChange, DraftKind, DraftSubject } from './draft-kind.ts';
import { readChange } from './rule-drafts.ts';

const kindOf = <Kind extends string>(kind: Kind) => z.literal(kind).meta({ description: 'Which of the two kinds of programs it is.' });

/** The body of the program's own PUT beside its kind and its id. */
export const programTerms = z.discriminatedUnion('kind', [
  tierProgramBody.extend({ kind: kindOf('tier'), program_id: tierProgramId }),
  bonusProgramBody.extend({ kind: kindOf('bonus'), program_id: bonusProgramId }),
]);

/** A tier or bonus program: all of its terms. */
export const programDrafts: DraftKind = {
  kind: 'program',
  read(stated) {
    const program = readChange(programTerms, stated, 'program');
    return program.kind === 'tier'
      ? ofTierProgram(tierProgramStated(program.program_id, program))
      : ofBonusProgram(bonusProgramStated(program.program_id, program));
  },
};

function ofTierProgram(stated: StatedTierProgram): DraftedChange {
  const find = (db: Kysely<DB>) => findTierProgram(db, stated.programId);
  return {
    subject: async (db) => subjectOfProgram(stated, await find(db)),
    ...refusedBy(async (db, now) => nextTierProgram(db, stated, await find(db), now)),
    lock: lockTierPrograms,
    async publish(trx, publisher) {
      const { program } = await stateTierProgram(trx, stated, publisher);
      return { subjectId: program.programId, version: program.version, body: showTierProgram(program) };
    },
  };
}

function ofBonusProgram(stated: StatedBonusProgram): DraftedChange {
  const find = (db: Kysely<DB>) => findBonusBook(db, stated.programId);
  return {
    async subject(db) {
      const book = await find(db);
      return subjectOfProgram(stated, book && { merchantId: book.merchantId, version: book.versions.at(-1)!.version });
    },
    ...refusedBy(async (db, now) => nextBonusBook(db, stated, await find(db), now)),
    async lock(trx) {
      await lockBonusBook(trx, stated.programId);
    },
    async publish(trx, publisher) {
      const { book } = await stateBonusProgram(trx, stated, publisher);
      return { subjectId: book.programId, version: book.versions.at(-1)!.version, body: showBonusProgram(book) };
    },
  };
}

/** The one merchant of the program and of its terms; a program of another one is nobody's alone. */
function subjectOfProgram(
  { programId, merchantId }: { programId: string; merchantId: string | null },
  before: { merchantId: string | null; version: number } | null,
): DraftSubject {
  const isMoved = before !== null && before.merchantId !== merchantId;
  return { merchantId: isMoved ? null : merchantId, subjectId: programId, version: before?.version ?? null };
}

/**
 * How a program is refused. Only its merchant may come to be there before it is published: programs
 * are never taken away, and stay their merchant's.
 */
function refusedBy(next: (db: Kysely<DB>, now: Date) => Promise<unknown>): Pick<DraftedChange, 'refuse' | 'check'> {
  const refusal = async (db: Kysely<DB>, now: Date): Promise<DomainError | null> => {
    try {
      await next(db, now);
      return null;
    } catch (error) {
      if (error instanceof DomainError) return error;
      throw error;
    }
  };
  return {
    async refuse(db, { now }) {
      const refused = await refusal(db, now);
      if (refused !== null && refused.code !== 'unknown_merchant') throw refused;
    },
    async check(trx, { now }) {
      const refused = await refusal(trx, now);
      return { errors: refused === null ? [] : faultsOfRefusal(refused), warnings: [] };
    },
  };
}
