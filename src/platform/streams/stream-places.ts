// How many streams a process keeps open, of one key and in all: each holds a connection, and what
// its reader has not taken yet.

import { DomainError } from '../../core/errors.ts';

export interface StreamLimits {
  perKey: number;
  inAll: number;
}

interface StreamPlaces {
  /**
   * Takes a place for a stream of this key, and gives what leaves it, which may be called twice.
   * Throws `too_many_streams`.
   */
  take(keyId: string): () => void;
  /** How many are taken. */
  taken(): number;
}

/** Makes the places of a process. */
export function streamPlaces({ perKey, inAll }: StreamLimits): StreamPlaces {
  const taken = new Map<string, number>();
  let sum = 0;

  function leave(keyId: string): void {
    const left = taken.get(keyId)! - 1;
    if (left === 0) taken.delete(keyId);
    else taken.set(keyId, left);
    sum -= 1;
  }

  return {
    take(keyId) {
      const own = taken.get(keyId) ?? 0;
      if (own >= perKey) throw new DomainError('too_many_streams', `This key has ${perKey} streams open, and may have no more here.`);
      if (sum >= inAll) throw new DomainError('too_many_streams', `${inAll} streams are open here, and no more may be.`);
      taken.set(keyId, own + 1);
      sum += 1;
      let isLeft = false;
      return () => {
        if (isLeft) return;
        isLeft = true;
        leave(keyId);
      };
    },
    taken: () => sum,
  };
}
