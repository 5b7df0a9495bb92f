// The log: one JSON line per event on stdout, ids instead of bodies, and no secret in any of them.
// A terminal gets it as text.

import { pino, stdSerializers, type DestinationStream, type Logger } from 'pino';

const SECRET_FIELDS = (
  'authorization cookie ["set-cookie"] ["x-api-key"] ["webhook-signature"] signature key secret secrets token access_token app_secret ticket ' +
  'click_token password buyer identities identity openid unionid phone email bank card'
).split(' ');

/**
 * What of an error is logged. PostgreSQL's `detail`, `where` and parameters are not: they quote the
 * rows that are being written.
 */
function errorFields(error: Error): Record<string, unknown> {
  const { type, message, stack, ...others } = stdSerializers.err(error);
  const kept = ['code', 'constraint', 'table', 'schema', 'routine', 'syscall', 'address', 'port'].filter(
    (name) => others[name] !== undefined,
  );
  return { type, message, stack, ...Object.fromEntries(kept.map((name) => [name, others[name]])) };
}

/** As the logger writes it: a name in brackets follows without a dot. */
function pathOf(place: string, field: string): string {
  return place === '' || field.startsWith('[') ? `${place}${field}` : `${place}.${field}`;
}

/**
 * Makes the logger of the process. `level` is one of pino's; a destination is given by tests only.
 */
export function buildLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: errorFields },
    redact: { paths: SECRET_FIELDS.flatMap((field) => ['', '*', '*.*'].map((place) => pathOf(place, field))), censor: '[hidden]' },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/**
 * What writes the log as text for who watches a terminal; undefined where stdout goes anywhere
 * else: there it is read by programs.
 */
export async function terminalOfLog(stdout: Terminal = process.stdout): Promise<DestinationStream | undefined> {
  if (stdout.isTTY !== true) return undefined;
  const { prettyFactory } = await import('pino-pretty');
  const pretty = prettyFactory({ colorize: true, translateTime: 'SYS:HH:MM:ss', singleLine: true });
  return { write: (line) => void stdout.write(pretty(line)) };
}

interface Terminal {
  isTTY?: boolean;
  write: (text: string) => unknown;
}
