// Fields that the routes of endpoints and of their messages share.
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';

/** Text of one line. */
export const words = (lengthMax: number) =>
  z
    .string()
    .min(1)
    .max(lengthMax)
    .regex(/^[^\p{Cc}\p{Cs}]*$/u, 'must not contain control characters');

/** An id that the caller has chosen. */
export const callerId = words(128);

export const endpointPath = z.object({ endpoint_id: callerId });

export function noEndpoint(endpointId: string): DomainError {
  return new DomainError('not_found', `There is no webhook endpoint ${endpointId}.`);
}
