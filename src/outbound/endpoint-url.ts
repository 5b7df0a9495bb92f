// The address of an endpoint, judged when it is set: where we would never send, nothing is
// promised.

import { DomainError } from '../core/errors.ts';
import { addressOf, guardedLookup, isLocalName, mayCall, type Allowed, type Resolve } from '../platform/net/address.ts';
import { within } from '../platform/waiting.ts';

/** A name that cannot be asked in this time is judged when something is sent to it. */
const LOOKUP_MS_MAX = 2000;

/**
 * The URL as it is called. Throws `invalid_webhook_url` for anything but https (http, where the
 * host is this machine and may be called), for credentials and fragments, and for hosts at
 * addresses that we do not call. A name that is not found now is let pass: every connection checks
 * again.
 */
export async function readEndpointUrl(text: string, allowed: Allowed, resolve?: Resolve): Promise<string> {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) throw refused('must be a URL, as https://example.com/hooks');
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isLocalName(url.hostname))) throw refused('must begin with https://');
  if (url.username + url.password !== '') throw refused('must not hold a user or a password: messages are signed');
  if (url.hash !== '') throw refused('must not have a fragment');
  const address = addressOf(url.hostname);
  const isCallable = address === null ? await leadsOutside(url.hostname, allowed, resolve) : mayCall(address, allowed);
  if (!isCallable) throw refused('leads to a private, local or reserved address; it must be reachable from the internet');
  return url.href;
}

async function leadsOutside(host: string, allowed: Allowed, resolve: Resolve | undefined): Promise<boolean> {
  const lookup = guardedLookup(allowed, resolve);
  const found = new Promise<boolean>((settle) => {
    lookup(host, { all: true }, (error) => settle(error === null || 'code' in error));
  });
  return within(LOOKUP_MS_MAX, found, true);
}

function refused(message: string): DomainError {
  return new DomainError('invalid_webhook_url', `The url ${message}.`, { errors: [{ path: 'url', message }] });
}
