// Fields that the routes of endpoints and of their messages share.
import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import { callerId } from '../platform/http/fields.ts';

export const endpointPath = z.object({ endpoint_id: callerId });

export function noEndpoint(endpointId: string): DomainError {
  return new DomainError('not_found', `There is no webhook endpoint ${endpointId}.`);
}
