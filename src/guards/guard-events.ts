// What is told to the world of guards: that one has begun to find violations, and that it finds none any more. Pure.
import type { Event } from '../outbound/event.ts';
import type { Guard } from './guard.ts';
import type { GuardResult } from './store.ts';

/** The events of results that differ from the ones before. Two processes that find the same at once tell of it as one event. */
export function guardEvents(results: readonly GuardResult[], before: ReadonlyMap<string, GuardResult>, guards: readonly Guard[]): Event[] {
  const says = new Map(guards.map((guard) => [guard.name, guard.says]));
  return results.flatMap(({ name, kind, violations, checkedAt }): Event[] => {
    const last = before.get(name);
    const wasOk = last === undefined || last.violations === 0;
    if (wasOk === (violations === 0)) return [];
    const data = { name, kind, says: says.get(name), ok: violations === 0, violations, checked_at: checkedAt.toISOString() };
    const key = `${name} ${last?.checkedAt.toISOString() ?? ''}`;
    return [{ type: violations === 0 ? 'guard.healed' : 'guard.violated', key, merchantId: null, at: checkedAt, data }];
  });
}
