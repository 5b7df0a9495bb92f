// What is told to the world of guards: that one has begun to find violations, and that it finds
// none any more. Pure.
import type { Event } from '../outbound/event.ts';
import type { Guard } from './guard.ts';
import { showTexts } from './guard-words.ts';
import type { GuardResult } from './guard-result-store.ts';

/**
 * The events of results that differ from the ones before. Two processes that find the same at once
 * tell of it as one event.
 */
export function guardEvents(results: readonly GuardResult[], before: ReadonlyMap<string, GuardResult>, guards: readonly Guard[]): Event[] {
  const words = new Map(guards.map((guard) => [guard.name, guard.words]));
  return results.flatMap(({ name, kind, violations, checkedAt }): Event[] => {
    const last = before.get(name);
    const wasOk = last === undefined || last.violations === 0;
    if (wasOk === (violations === 0)) return [];
    const told = words.get(name);
    const said = told === undefined ? {} : { says: told.en.says, words: showTexts(told) };
    const data = { name, kind, ...said, ok: violations === 0, violations, checked_at: checkedAt.toISOString() };
    const key = `${name} ${last?.checkedAt.toISOString() ?? ''}`;
    return [{ type: violations === 0 ? 'guard.healed' : 'guard.violated', key, merchantId: null, at: checkedAt, data }];
  });
}
