// Where a link may lead: only to hosts that its merchant has named. Pure, and strict on the parsed
// form, never on the text.

import { DomainError } from '../../core/errors.ts';

const URL_LENGTH_MAX = 2048;
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const LOCALHOST = /^localhost(?::(\d{1,5}))?$/i;
/** What browsers drop or turn around while reading a URL: controls, spaces, backslashes. */
const DECEIVING = /[\p{Cc}\p{Zs}\p{Zl}\p{Zp}\p{Cs}\\]/u;
const TOKEN_PARAMETER = 'fy_click';

/**
 * A host as it is stored and compared: lower case, in punycode, without a port; `localhost` may
 * have one, and without one stands for all of its ports. Null for what is not the name of a host:
 * addresses, wildcards, single labels, anything with a scheme or a path.
 */
export function normaliseHost(text: string): string | null {
  const local = LOCALHOST.exec(text);
  if (local !== null) return local[1] === undefined ? 'localhost' : localhostAt(Number(local[1]));
  if (DECEIVING.test(text) || /[/?#@:%[\]]/.test(text)) return null;
  const name = URL.canParse(`https://${text}/`) ? new URL(`https://${text}/`).hostname : '';
  return HOST_NAME.test(name) ? name : null;
}

function localhostAt(port: number): string | null {
  if (port < 1 || port > 65_535) return null;
  return port === 80 || port === 443 ? 'localhost' : `localhost:${port}`;
}

/**
 * The landing URL as it is stored: its serialised form, without a click token of its own. Throws
 * `invalid_landing_url` for what is no web address of at most 2048 characters, and
 * `landing_host_not_allowed` for a host, port, protocol or credentials beyond the allowed.
 */
export function checkLanding(text: string, allowedHosts: readonly string[], path = 'landing_url'): string {
  const url = parseLanding(text, path);
  if (isAllowed(url, allowedHosts)) return url.href;
  throw new DomainError('landing_host_not_allowed', 'The landing URL leads to a host that the merchant has not named.', {
    errors: [{ path, message: "must be https, without credentials or a port, on one of the merchant's landing_hosts" }],
  });
}

/** A web address, wherever it leads. Throws `invalid_landing_url`. */
export function parseLanding(text: string, path = 'landing_url'): URL {
  if (text.length > URL_LENGTH_MAX) throw invalid(path, `must have at most ${URL_LENGTH_MAX} characters`);
  if (DECEIVING.test(text)) throw invalid(path, 'must not contain spaces, backslashes or control characters; percent-encode them');
  // "https:host" and "https:/host" parse as if they had two slashes; nobody writes them by
  // accident.
  if (!/^https?:\/\/[^/]/i.test(text) || !URL.canParse(text)) throw invalid(path, 'must be an absolute http or https URL');
  const url = new URL(text);
  if (url.searchParams.has(TOKEN_PARAMETER)) url.searchParams.delete(TOKEN_PARAMETER);
  if (url.href.length > URL_LENGTH_MAX) throw invalid(path, `must have at most ${URL_LENGTH_MAX} characters once it is percent-encoded`);
  return url;
}

/**
 * Whether the URL stays on the allowed hosts. Asked again whenever a link is loaded, since a
 * merchant may give up a host.
 */
export function isAllowed(url: URL, allowedHosts: readonly string[]): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (url.hostname === 'localhost') {
    return (
      (url.protocol === 'https:' || url.protocol === 'http:') && (allowedHosts.includes('localhost') || allowedHosts.includes(url.host))
    );
  }
  return url.protocol === 'https:' && url.port === '' && allowedHosts.includes(url.hostname);
}

/** A landing URL cut where the click token goes: into the query and before the fragment. */
export interface Landing {
  /** The whole URL, for visits that earn nothing. */
  plain: string;
  /** Up to and with `fy_click=`. */
  before: string;
  /** The fragment with its `#`, or nothing. */
  after: string;
}

/** Cuts a landing URL as `checkLanding` returns it. */
export function cutLanding(href: string): Landing {
  const hash = href.indexOf('#');
  const address = hash < 0 ? href : href.slice(0, hash);
  const query = address.indexOf('?');
  // A second question mark is a letter of the query: what follows it is no parameter of its own.
  const joint = query < 0 ? '?' : query === address.length - 1 || address.endsWith('&') ? '' : '&';
  return { plain: href, before: `${address}${joint}${TOKEN_PARAMETER}=`, after: hash < 0 ? '' : href.slice(hash) };
}

function invalid(path: string, message: string): DomainError {
  return new DomainError('invalid_landing_url', 'The landing URL cannot be used.', { errors: [{ path, message }] });
}
