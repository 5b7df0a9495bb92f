// Who is signed in, and what he may do.

import { createContext, useContext } from 'react';

import { answered, api, showCsrf, type Me, type Operation } from './api.ts';

/** Asks who is signed in. Throws a `Refusal`. */
export async function askMe(): Promise<Me> {
  const me = await answered(api.GET('/v1/me'));
  showCsrf(me.csrf);
  return me;
}

/** Whether two answers speak of the same person in the same role. */
export function isSamePerson(one: Me, other: Me): boolean {
  const facts = ['person', 'scope', 'role', 'merchant_id', 'promoter_id'] as const;
  return facts.every((fact) => one[fact] === other[fact]);
}

const MeContext = createContext<Me | null>(null);
export const MeProvider = MeContext.Provider;

export function useMe(): Me {
  const me = useContext(MeContext);
  if (me === null) throw new Error('Nobody is signed in here.');
  return me;
}

/** Whether whoever is signed in may do all of these operations: what he may not is not shown. */
export function useMay(): (...needed: Operation[]) => boolean {
  const { may } = useMe();
  return (...needed) => needed.every((operation) => may.includes(operation));
}
