// What the operator decides: the only reader of the environment. An empty value is an absent one,
// and all mistakes are told at once.

import { BlockList, isIP } from 'node:net';

import { z } from 'zod';

import { isTimeZone } from '../calendar.ts';
import { HOUR_MS } from '../durations.ts';

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
const INTERVAL_MS_MIN = 50;
const INTERVAL_MS_MAX = HOUR_MS;
const ADMIN_KEY_LENGTH_MIN = 8;
const SECRET_LENGTH_MIN = 16;
const RATE_MAX = 100_000_000;
const STREAMS_MAX = 100_000;
/** A batch of links has as many. */
const LINKS_PER_DAY_MIN = 1000;

/**
 * Everything that can be set. A secret that is null, or of which there are none, is made once and
 * kept in `dataDir`.
 */
export interface Config {
  readonly port: number;
  readonly host: string;
  /** Where metrics are told without a key, on the same host; null: nowhere. */
  readonly metricsPort: number | null;
  /** Where this machine reaches the service, without a slash at the end. */
  readonly localUrl: string;
  /** Where links begin, without a slash at the end. */
  readonly publicUrl: string;
  readonly dataDir: string;
  /** Null: a PostgreSQL of our own in `dataDir`. */
  readonly databaseUrl: string | null;
  readonly databasePoolSize: number;
  /** Null: the queue lives in PostgreSQL. */
  readonly redisUrl: string | null;
  readonly adminKey: string | null;
  /** Sign click tokens: the first signs, all are believed. */
  readonly tokenSecret: readonly string[];
  /** Encrypt the secrets of sources: the first seals, all open. */
  readonly secretsKey: readonly string[];
  /** Hashes the identities of buyers. */
  readonly identityKey: string | null;
  readonly referralLevelsMax: number;
  /** Whether what changes what is earned has to be drafted, and approved by a second person. */
  readonly ruleReview: 'off' | 'required';
  readonly sweepIntervalMs: number;
  readonly guardIntervalMs: number;
  /**
   * How many calls a minute may bring of one key, of one address that needs no key, and of one
   * address whose keys are wrong.
   */
  readonly ratePerCaller: number;
  readonly ratePerAddress: number;
  readonly rateRefused: number;
  /** How large an order may be: lines that are there, and refunds. */
  readonly orderLinesMax: number;
  readonly orderRefundsMax: number;
  /** How many redirects a minute of one address are kept as clicks. */
  readonly rateRedirects: number;
  /** How many links a promoter's own key may make within 24 hours. */
  readonly linksPerDay: number;
  /** How many rehearsals of rules may run at once, in all processes. */
  readonly simulationsMax: number;
  /** How many streams of statistics a process keeps open, of one key and in all. */
  readonly streamsPerKey: number;
  readonly streamsMax: number;
  /** By which rules tax is withheld from payouts to people. */
  readonly withholding: 'none' | 'cn_labor_service' | 'cn_platform_cumulative';
  /** What a month without income does to the cumulative scheme. */
  readonly withholdingGap: 'restart' | 'keep';
  /** The months of taxes and the days of debts are those of this zone of the IANA database. */
  readonly taxTimeZone: string;
  /** For so long a changed payee is not paid, unless a second person has confirmed it. */
  readonly payeeChangeWaitHours: number;
  /**
   * Who vouches for the company's own accounts, by OpenID Connect; null, as the client is then:
   * nobody signs in by them.
   */
  readonly oidcIssuer: string | null;
  readonly oidcClientId: string | null;
  readonly oidcClientSecret: string | null;
  /** The claim that says as what somebody works here. */
  readonly oidcRoleClaim: string;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Where order systems are asked, by their kind, instead of where their platforms are. */
  readonly pullBaseUrls: Readonly<Record<string, string>>;
  /** Where payout providers are asked, by their kind, instead of where they are. */
  readonly payoutBaseUrls: Readonly<Record<string, string>>;
  /** The addresses of the proxies whose `X-Forwarded-For` is believed; none when empty. */
  readonly trustProxy: string[];
  /** npm is our parent: a signal that reaches it alone ends it, and leaves us behind. */
  readonly startedByNpm: boolean;
}

const schema = z.object({
  PORT: wholeNumber(1, 65_535).default(3000),
  HOST: z
    .string()
    .regex(/^[\w.:-]+$/, 'must be a host name or an IP address')
    .default('127.0.0.1'),
  METRICS_PORT: wholeNumber(1, 65_535).optional(),
  PUBLIC_URL: z.string().transform(publicBase).optional(),
  DATA_DIR: z.string().default('.data'),
  DATABASE_URL: addressOf(['postgres:', 'postgresql:']).optional(),
  DATABASE_POOL_SIZE: wholeNumber(2, 500).default(10),
  REDIS_URL: addressOf(['redis:', 'rediss:']).optional(),
  ADMIN_KEY: secret(ADMIN_KEY_LENGTH_MIN).optional(),
  TOKEN_SECRET: z.string().transform(secretList).default([]),
  SECRETS_KEY: z.string().transform(secretList).default([]),
  IDENTITY_KEY: secret(SECRET_LENGTH_MIN).optional(),
  REFERRAL_LEVELS_MAX: wholeNumber(1, 10).default(2),
  RULE_REVIEW: oneOf(['off', 'required']).default('off'),
  SWEEP_INTERVAL_MS: wholeNumber(INTERVAL_MS_MIN, INTERVAL_MS_MAX).default(5000),
  GUARD_INTERVAL_MS: wholeNumber(INTERVAL_MS_MIN, INTERVAL_MS_MAX).default(5000),
  RATE_PER_CALLER: wholeNumber(1, RATE_MAX).default(300_000),
  RATE_PER_ADDRESS: wholeNumber(1, RATE_MAX).default(6000),
  RATE_REFUSED: wholeNumber(1, RATE_MAX).default(300),
  ORDER_LINES_MAX: wholeNumber(1, 10_000).default(500),
  ORDER_REFUNDS_MAX: wholeNumber(1, 10_000).default(1000),
  RATE_REDIRECTS: wholeNumber(1, RATE_MAX).default(6000),
  LINKS_PER_DAY: wholeNumber(LINKS_PER_DAY_MIN, RATE_MAX).default(10_000),
  SIMULATIONS_MAX: wholeNumber(1, 100).default(2),
  STREAMS_PER_KEY: wholeNumber(1, STREAMS_MAX).default(10),
  STREAMS_MAX: wholeNumber(1, STREAMS_MAX).default(500),
  WITHHOLDING: oneOf(['none', 'cn_labor_service', 'cn_platform_cumulative']).default('none'),
  WITHHOLDING_GAP: oneOf(['restart', 'keep']).default('restart'),
  TAX_TIME_ZONE: z.string().refine(isTimeZone, 'must be a name of the IANA database, like Asia/Shanghai').default('Asia/Shanghai'),
  PAYEE_CHANGE_WAIT_HOURS: wholeNumber(0, 10_000).default(48),
  OIDC_ISSUER: z.string().refine(isIssuer, 'must be an https address without query and fragment, or http on this machine').optional(),
  OIDC_CLIENT_ID: z.string().optional(),
  OIDC_CLIENT_SECRET: z.string().optional(),
  OIDC_ROLE_CLAIM: z.string().default('fenyong_role'),
  LOG_LEVEL: oneOf(LOG_LEVELS).default('info'),
  TRUST_PROXY: z.string().transform(proxies).default([]),
  PAYOUT_BASE_URLS: z.string().transform(baseUrls).default({}),
  PULL_BASE_URLS: z.string().transform(baseUrls).default({}),
});

/**
 * Reads the environment. Throws one error that lists every mistake, one a line, and quotes no
 * value: any of them may be a secret.
 */
export function readConfig(env: Record<string, string | undefined>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([name, value]) => name in schema.shape && value?.trim() !== ''));
  const parsed = schema.safeParse(given);
  const mistakes = (parsed.error?.issues ?? []).map((issue) => `${String(issue.path[0])} ${issue.message}`);
  mistakes.push(...sharedSecrets(given));
  mistakes.push(...partlySet(given, ['OIDC_ISSUER', 'OIDC_CLIENT_ID', 'OIDC_CLIENT_SECRET']));
  if (parsed.data?.METRICS_PORT === parsed.data?.PORT && parsed.success) mistakes.push('METRICS_PORT must differ from PORT');
  if (!parsed.success || mistakes.length > 0) {
    throw new Error(`The environment cannot be used:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
  }
  const { data } = parsed;
  const localUrl = `http://${hostInUrl(data.HOST)}:${data.PORT}`;
  return Object.freeze({
    port: data.PORT,
    host: data.HOST,
    metricsPort: data.METRICS_PORT ?? null,
    localUrl,
    publicUrl: data.PUBLIC_URL ?? localUrl,
    dataDir: data.DATA_DIR,
    databaseUrl: data.DATABASE_URL ?? null,
    databasePoolSize: data.DATABASE_POOL_SIZE,
    redisUrl: data.REDIS_URL ?? null,
    adminKey: data.ADMIN_KEY ?? null,
    tokenSecret: Object.freeze(data.TOKEN_SECRET),
    secretsKey: Object.freeze(data.SECRETS_KEY),
    identityKey: data.IDENTITY_KEY ?? null,
    referralLevelsMax: data.REFERRAL_LEVELS_MAX,
    ruleReview: data.RULE_REVIEW,
    sweepIntervalMs: data.SWEEP_INTERVAL_MS,
    guardIntervalMs: data.GUARD_INTERVAL_MS,
    ratePerCaller: data.RATE_PER_CALLER,
    ratePerAddress: data.RATE_PER_ADDRESS,
    rateRefused: data.RATE_REFUSED,
    orderLinesMax: data.ORDER_LINES_MAX,
    orderRefundsMax: data.ORDER_REFUNDS_MAX,
    rateRedirects: data.RATE_REDIRECTS,
    linksPerDay: data.LINKS_PER_DAY,
    simulationsMax: data.SIMULATIONS_MAX,
    streamsPerKey: data.STREAMS_PER_KEY,
    streamsMax: data.STREAMS_MAX,
    withholding: data.WITHHOLDING,
    withholdingGap: data.WITHHOLDING_GAP,
    taxTimeZone: data.TAX_TIME_ZONE,
    payeeChangeWaitHours: data.PAYEE_CHANGE_WAIT_HOURS,
    oidcIssuer: data.OIDC_ISSUER ?? null,
    oidcClientId: data.OIDC_CLIENT_ID ?? null,
    oidcClientSecret: data.OIDC_CLIENT_SECRET ?? null,
    oidcRoleClaim: data.OIDC_ROLE_CLAIM,
    logLevel: data.LOG_LEVEL,
    trustProxy: data.TRUST_PROXY,
    payoutBaseUrls: Object.freeze(data.PAYOUT_BASE_URLS),
    pullBaseUrls: Object.freeze(data.PULL_BASE_URLS),
    startedByNpm: env['npm_lifecycle_event'] !== undefined,
  });
}

/** The data folder that the environment names; null where it leaves that to us. */
export function givenDataDir(env: Record<string, string | undefined>): string | null {
  return env['DATA_DIR']?.trim() || null;
}

function wholeNumber(least: number, greatest: number) {
  const message = `must be a whole number from ${least} to ${greatest}`;
  return z
    .string()
    .regex(/^\s*\d{1,9}\s*$/, message)
    .transform(Number)
    .refine((value) => value >= least && value <= greatest, message);
}

function oneOf<const Values extends readonly string[]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

function secret(lengthMin: number) {
  return z
    .string()
    .regex(new RegExp(`^[\\x21-\\x7e]{${lengthMin},}$`), `must be at least ${lengthMin} printable ASCII characters, without spaces`);
}

/** Several secrets, separated by commas: the newest first. */
function secretList(text: string, context: z.RefinementCtx): string[] {
  const secrets = text.split(',');
  const wrong = secrets.map((one) => secret(SECRET_LENGTH_MIN).safeParse(one)).find(({ success }) => !success);
  if (wrong?.error === undefined) return secrets;
  context.addIssue({ code: 'custom', message: `${wrong.error.issues[0]!.message}; several are separated by commas` });
  return z.NEVER;
}

function addressOf(protocols: string[]) {
  return z.string().refine((text) => protocols.includes(URL.canParse(text) ? new URL(text).protocol : ''), {
    error: `must be an address that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });
}

const LOOPBACK_HOST = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

function isIssuer(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, search, hash, username, password } = new URL(text);
  const isPrivate = protocol === 'https:' || (protocol === 'http:' && LOOPBACK_HOST.test(hostname));
  return isPrivate && search + hash + username + password === '';
}

/** What has a meaning only together. */
function partlySet(given: Record<string, string | undefined>, names: readonly string[]): string[] {
  const missing = names.filter((name) => given[name] === undefined);
  return missing.length === 0 || missing.length === names.length
    ? []
    : missing.map((name) => `${name} must be set beside ${names.filter((one) => !missing.includes(one)).join(' and ')}`);
}

function publicBase(text: string, context: z.RefinementCtx): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.search + url.hash + url.username + url.password !== '') {
    context.addIssue({ code: 'custom', message: 'must be an http or https address without user, query and fragment' });
    return z.NEVER;
  }
  return url.href.replace(/\/+$/, '');
}

/** `kind=https://host` for each kind, separated by commas. */
function baseUrls(text: string, context: z.RefinementCtx): Record<string, string> {
  const entries = text.split(',').map((entry) => /^\s*([\w-]+)=(https?:\/\/[^\s,]+?)\/?\s*$/.exec(entry));
  if (entries.every((entry) => entry !== null && URL.canParse(entry[2]!))) {
    return Object.fromEntries(entries.map((entry) => [entry![1]!, entry![2]!]));
  }
  context.addIssue({ code: 'custom', message: 'must be a list like jd=https://proxy.example.com, separated by commas' });
  return z.NEVER;
}

function proxies(text: string, context: z.RefinementCtx): string[] {
  const addresses = text.split(',').map((address) => address.trim());
  if (!addresses.every(isAddressOrSubnet)) {
    context.addIssue({ code: 'custom', message: 'must be a list of IP addresses or subnets (10.0.0.0/8), separated by commas' });
    return z.NEVER;
  }
  return addresses;
}

function isAddressOrSubnet(text: string): boolean {
  const [address = '', bits, ...rest] = text.split('/');
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  if (bits === undefined) return true;
  try {
    new BlockList().addSubnet(address, /^\d+$/.test(bits) ? Number(bits) : Number.NaN, family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}

/** One secret never serves two uses: rotating the one would orphan what the other made. */
function sharedSecrets(given: Record<string, string | undefined>): string[] {
  const names = ['ADMIN_KEY', 'TOKEN_SECRET', 'SECRETS_KEY', 'IDENTITY_KEY'];
  const lists = new Set(['TOKEN_SECRET', 'SECRETS_KEY']);
  const valuesOf = (name: string): string[] => {
    const value = given[name];
    if (value === undefined) return [];
    return lists.has(name) ? value.split(',') : [value];
  };
  return names.flatMap((name, index) =>
    names
      .slice(0, index)
      .filter((earlier) => valuesOf(name).some((value) => valuesOf(earlier).includes(value)))
      .map((earlier) => `${name} must differ from ${earlier}`),
  );
}

/**
 * How a listening address is written in a URL; an address that means "everywhere" is reached as
 * localhost.
 */
function hostInUrl(host: string): string {
  if (host === '0.0.0.0' || host === '::') return 'localhost';
  return isIP(host) === 6 ? `[${host}]` : host;
}
