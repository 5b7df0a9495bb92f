// What the operator may set, and how mistakes are told.

import { describe, expect, test } from 'vitest';

import { readConfig } from '../../../src/platform/process/config.ts';

/** What may go on at once. */
const AT_ONCE = { simulationsMax: 2, streamsPerKey: 10, streamsMax: 500 };

const DEFAULTS = {
  oidcIssuer: null,
  oidcClientId: null,
  oidcClientSecret: null,
  oidcRoleClaim: 'fenyong_role',
  port: 3000,
  host: '127.0.0.1',
  localUrl: 'http://127.0.0.1:3000',
  publicUrl: 'http://127.0.0.1:3000',
  dataDir: '.data',
  databaseUrl: null,
  databasePoolSize: 10,
  redisUrl: null,
  adminKey: null,
  tokenSecret: [],
  secretsKey: [],
  identityKey: null,
  referralLevelsMax: 2,
  ruleReview: 'off',
  sweepIntervalMs: 5000,
  guardIntervalMs: 5000,
  ratePerCaller: 300_000,
  ratePerAddress: 6000,
  rateRefused: 300,
  rateRedirects: 6000,
  linksPerDay: 10_000,
  ...AT_ONCE,
  withholding: 'none',
  withholdingGap: 'restart',
  taxTimeZone: 'Asia/Shanghai',
  payeeChangeWaitHours: 48,
  payoutBaseUrls: {},
  metricsPort: null,
  orderLinesMax: 500,
  orderRefundsMax: 1000,
  logLevel: 'info',
  trustProxy: [],
  pullBaseUrls: {},
  startedByNpm: false,
};

function mistakesOf(env: Record<string, string>): string[] {
  try {
    readConfig(env);
    return [];
  } catch (error) {
    return String(error)
      .split('\n')
      .slice(1)
      .map((line) => line.trim());
  }
}

/** How often callers may ask. */
const RATES = { RATE_PER_CALLER: '600', RATE_PER_ADDRESS: '60', RATE_REFUSED: '6', RATE_REDIRECTS: '600' };

/** Every variable that is no part of a whole, set otherwise than by default. */
const EVERYTHING = {
  PORT: '8080',
  HOST: '0.0.0.0',
  PUBLIC_URL: 'https://go.example.com/s/',
  DATA_DIR: '/var/lib/fenyong',
  DATABASE_URL: 'postgres://fenyong:hidden@db.example.com/fenyong?sslmode=require',
  DATABASE_POOL_SIZE: '25',
  REDIS_URL: 'rediss://cache.example.com:6380/1',
  ADMIN_KEY: 'fy_admin_0123456789',
  TOKEN_SECRET: `${'a'.repeat(32)},${'e'.repeat(16)}`,
  SECRETS_KEY: `${'b'.repeat(32)},${'d'.repeat(16)}`,
  IDENTITY_KEY: 'c'.repeat(32),
  ...RATES,
  WITHHOLDING: 'cn_platform_cumulative',
  WITHHOLDING_GAP: 'keep',
  TAX_TIME_ZONE: 'Asia/Urumqi',
  PAYEE_CHANGE_WAIT_HOURS: '24',
  PAYOUT_BASE_URLS: 'wechat-pay=http://127.0.0.1:8082',
  LINKS_PER_DAY: '1000',
  METRICS_PORT: '9464',
  ORDER_LINES_MAX: '600',
  ORDER_REFUNDS_MAX: '700',
  REFERRAL_LEVELS_MAX: '1',
  RULE_REVIEW: 'required',
  SWEEP_INTERVAL_MS: '500',
  GUARD_INTERVAL_MS: '60000',
  LOG_LEVEL: 'warn',
  TRUST_PROXY: '10.0.0.0/8, 192.0.2.7,fd00::/8',
  PULL_BASE_URLS: 'jd=https://jd.example.com/, wechat-shop=http://127.0.0.1:8081',
  npm_lifecycle_event: 'start',
};

describe('the environment', () => {
  test('nothing needs to be set', () => {
    expect(readConfig({})).toEqual(DEFAULTS);
  });

  test('an empty value is an absent one', () => {
    const empty = { PORT: '', HOST: ' ', DATABASE_URL: '', REDIS_URL: '', ADMIN_KEY: '', TRUST_PROXY: '', LOG_LEVEL: '', DATA_DIR: '' };
    expect(readConfig(empty)).toEqual(DEFAULTS);
  });

  test('whatever else stands in the environment is left alone', () => {
    expect(readConfig({ HOME: '/home/somebody', npm_config_port: '1' })).toEqual(DEFAULTS);
  });

  test('how many rehearsals may run at once is taken', () => {
    expect(readConfig({ SIMULATIONS_MAX: '3' }).simulationsMax).toBe(3);
  });

  test('how many streams may be open is taken', () => {
    expect(readConfig({ STREAMS_PER_KEY: '3', STREAMS_MAX: '4' })).toMatchObject({ streamsPerKey: 3, streamsMax: 4 });
  });

  test('every value that is set is taken', () => {
    const config = readConfig(EVERYTHING);
    expect(config).toEqual({
      port: 8080,
      host: '0.0.0.0',
      localUrl: 'http://localhost:8080',
      publicUrl: 'https://go.example.com/s',
      dataDir: '/var/lib/fenyong',
      databaseUrl: 'postgres://fenyong:hidden@db.example.com/fenyong?sslmode=require',
      databasePoolSize: 25,
      redisUrl: 'rediss://cache.example.com:6380/1',
      adminKey: 'fy_admin_0123456789',
      tokenSecret: ['a'.repeat(32), 'e'.repeat(16)],
      secretsKey: ['b'.repeat(32), 'd'.repeat(16)],
      identityKey: 'c'.repeat(32),
      referralLevelsMax: 1,
      ruleReview: 'required',
      sweepIntervalMs: 500,
      guardIntervalMs: 60_000,
      ratePerCaller: 600,
      ratePerAddress: 60,
      rateRefused: 6,
      rateRedirects: 600,
      linksPerDay: 1000,
      ...AT_ONCE,
      withholding: 'cn_platform_cumulative',
      withholdingGap: 'keep',
      taxTimeZone: 'Asia/Urumqi',
      payeeChangeWaitHours: 24,
      payoutBaseUrls: { 'wechat-pay': 'http://127.0.0.1:8082' },
      metricsPort: 9464,
      orderLinesMax: 600,
      orderRefundsMax: 700,
      logLevel: 'warn',
      trustProxy: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'],
      pullBaseUrls: { jd: 'https://jd.example.com', 'wechat-shop': 'http://127.0.0.1:8081' },
      startedByNpm: true,
      oidcIssuer: null,
      oidcClientId: null,
      oidcClientSecret: null,
      oidcRoleClaim: 'fenyong_role',
    });
  });

  test('an issuer is set with its client, over https or on this machine', () => {
    const client = { OIDC_CLIENT_ID: 'fenyong', OIDC_CLIENT_SECRET: 'secret' };
    for (const issuer of [
      'https://id.example.com',
      'https://id.example.com/realms/a',
      'http://127.0.0.1:1',
      'http://localhost:1',
      'http://[::1]:1',
    ]) {
      const { oidcIssuer, oidcClientId, oidcClientSecret, oidcRoleClaim } = readConfig({ OIDC_ISSUER: issuer, ...client });
      expect([oidcIssuer, oidcClientId, oidcClientSecret, oidcRoleClaim]).toEqual([issuer, 'fenyong', 'secret', 'fenyong_role']);
    }
    const named = readConfig({ OIDC_ISSUER: 'https://id.example.com', ...client, OIDC_ROLE_CLAIM: 'https://id.example.com/role' });
    expect(named.oidcRoleClaim).toBe('https://id.example.com/role');
    for (const issuer of ['http://id.example.com', 'http://127.0.0.1.example.com', 'ldap://id', 'https://u:p@id', 'https://id?x', 'id']) {
      expect(mistakesOf({ OIDC_ISSUER: issuer, ...client }), issuer).toEqual([
        expect.stringMatching(/^OIDC_ISSUER must be an https address/),
      ]);
    }
    expect(mistakesOf(client)).toEqual(['OIDC_ISSUER must be set beside OIDC_CLIENT_ID and OIDC_CLIENT_SECRET']);
  });

  test('all mistakes are listed at once', () => {
    const mistakes = mistakesOf({
      PORT: '70000',
      HOST: 'no such host!',
      PUBLIC_URL: 'ftp://example.com',
      DATABASE_URL: 'mysql://localhost/x',
      DATABASE_POOL_SIZE: '1.5',
      REDIS_URL: 'localhost:6379',
      ADMIN_KEY: 'short',
      TOKEN_SECRET: 'has a space in the middle',
      SECRETS_KEY: 'too short',
      IDENTITY_KEY: '钥匙钥匙钥匙钥匙钥匙钥匙钥匙钥匙',
      REFERRAL_LEVELS_MAX: '0',
      SWEEP_INTERVAL_MS: '-5',
      GUARD_INTERVAL_MS: 'often',
      LOG_LEVEL: 'loud',
      TRUST_PROXY: '10.0.0.0/33',
    });
    expect(mistakes.map((mistake) => mistake.split(' ')[0])).toEqual([
      'PORT',
      'HOST',
      'PUBLIC_URL',
      'DATABASE_URL',
      'DATABASE_POOL_SIZE',
      'REDIS_URL',
      'ADMIN_KEY',
      'TOKEN_SECRET',
      'SECRETS_KEY',
      'IDENTITY_KEY',
      'REFERRAL_LEVELS_MAX',
      'SWEEP_INTERVAL_MS',
      'GUARD_INTERVAL_MS',
      'LOG_LEVEL',
      'TRUST_PROXY',
    ]);
    expect(mistakes[0]).toBe('PORT must be a whole number from 1 to 65535');
  });

  test('a mistake beside a shared secret is told together with it', () => {
    const mistakes = mistakesOf({ PORT: 'x', TOKEN_SECRET: 'k'.repeat(32), IDENTITY_KEY: 'k'.repeat(32) });
    expect(mistakes).toEqual(['PORT must be a whole number from 1 to 65535', 'IDENTITY_KEY must differ from TOKEN_SECRET']);
  });

  test('a secret in a list is shared with nobody either, and each of them is looked at', () => {
    const shared = 'k'.repeat(32);
    expect(mistakesOf({ TOKEN_SECRET: `${'n'.repeat(32)},${shared}`, SECRETS_KEY: `${'o'.repeat(32)},${shared}` })).toEqual([
      'SECRETS_KEY must differ from TOKEN_SECRET',
    ]);
    for (const name of ['TOKEN_SECRET', 'SECRETS_KEY']) {
      expect(mistakesOf({ [name]: `${shared},short` })).toEqual([
        `${name} must be at least 16 printable ASCII characters, without spaces; several are separated by commas`,
      ]);
    }
  });

  test('a mistake is told without the value, which may be a secret', () => {
    const told = mistakesOf({ DATABASE_URL: 'postgre://user:hunter2@host/db', ADMIN_KEY: 'hunter2' }).join();
    expect(told).toContain('DATABASE_URL');
    expect(told).not.toContain('hunter2');
  });

  test('links of a service that listens everywhere, or on IPv6, begin with an address that works', () => {
    expect(readConfig({ HOST: '0.0.0.0' }).publicUrl).toBe('http://localhost:3000');
    expect(readConfig({ HOST: '::', PORT: '80' }).publicUrl).toBe('http://localhost:80');
    expect(readConfig({ HOST: '::1' }).publicUrl).toBe('http://[::1]:3000');
  });

  test('a proxy is named by its address; believing everybody is refused', () => {
    for (const value of ['true', '*', '1', 'loopback', '10.0.0.1/', '10.0.0.1/8/8', 'fd00::/129', '10.0.0.1,']) {
      expect(mistakesOf({ TRUST_PROXY: value }), value).toHaveLength(1);
    }
  });

  test('the configuration cannot be changed', () => {
    expect(() => Object.assign(readConfig({}), { port: 1 })).toThrow(TypeError);
  });
});
