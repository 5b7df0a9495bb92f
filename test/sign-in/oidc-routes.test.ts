// Signing in by the accounts of a company, with a real provider over real sockets: who comes in, as
// what, and who does not.

import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { freePort } from '../harness.ts';
import { ADMIN_KEY, openService, type Service } from '../running.ts';
import { browserAt } from './browser.ts';
import { CLIENT, openIssuer, type TestIssuer } from './issuer.ts';

const PUBLIC_URL = 'https://desk.example.com';
const CALLBACK = `${PUBLIC_URL}/sign-in/oidc/callback`;

let issuer: TestIssuer;
let service: Service;
beforeAll(async () => {
  issuer = await openIssuer(CALLBACK, { tellsByToken: false });
  service = await openAt(issuer.url);
  await ask('PUT', '/v1/merchants/m1', { name: 'm1', currency: 'CNY' });
});
afterAll(async () => {
  await service.close();
  await issuer.close();
});

function openAt(url: string, database?: Service['database']): Promise<Service> {
  const env = { PUBLIC_URL, OIDC_ISSUER: url, OIDC_CLIENT_ID: CLIENT.clientId, OIDC_CLIENT_SECRET: CLIENT.clientSecret };
  return openService({ works: false, listens: true, env, ...(database !== undefined && { database }) });
}

type Listed = { data: Record<string, unknown>[] };

async function ask(method: string, path: string, body?: object): Promise<Listed> {
  const answer = await fetch(service.url + path, {
    method,
    headers: { authorization: `Bearer ${ADMIN_KEY}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return (await answer.json()) as Listed;
}

const keysOf = async (person: string) => (await ask('GET', '/v1/keys?limit=200')).data.filter((key) => key['person'] === person);

/** Follows every redirect until there is none, or one that leads back to a page of ours. */
async function travel(from: string, { at = service, browser = browserAt(at.url), language = 'en' } = {}) {
  const elsewhere = browserAt(issuer.url);
  let url = from;
  for (let steps = 0; steps < 12; steps += 1) {
    const isOurs = url.startsWith('/') || url.startsWith(PUBLIC_URL);
    const headers = { 'accept-language': language };
    const answer = await (isOurs ? browser.open(url.replace(PUBLIC_URL, ''), { headers }) : elsewhere.open(url));
    const location = answer.headers.get('location');
    if (location === null) return { browser, answer, text: await answer.text(), arrived: null };
    url = isOurs ? location : new URL(location, issuer.url).href;
    if (url.startsWith(PUBLIC_URL) && !url.startsWith(CALLBACK)) return { browser, answer, text: '', arrived: url };
  }
  throw new Error('sent from one to the other without an end');
}

function comeAs(sub: string, claims: Record<string, unknown>, from = '/sign-in/oidc') {
  issuer.account = { sub, claims };
  return travel(from);
}

const verified = (email: string, role: unknown) => ({ email, email_verified: true, fenyong_role: role });

describe('who is let in', () => {
  test.each([
    ['admin', { scope: 'admin', role: null, merchant_id: null }],
    ['operator', { scope: 'admin', role: 'operator', merchant_id: null }],
    ['finance', { scope: 'admin', role: 'finance', merchant_id: null }],
    ['risk', { scope: 'admin', role: 'risk', merchant_id: null }],
    ['auditor', { scope: 'auditor', role: null, merchant_id: null }],
    ['merchant:m1', { scope: 'merchant', role: null, merchant_id: 'm1' }],
    [['everybody', 'risk', 'of the canteen'], { scope: 'admin', role: 'risk', merchant_id: null }],
  ])('with the role %j is that, as the person of the verified email', async (role, expected) => {
    const name = `Li.${String(role).replaceAll(/\W/g, '')}@Example.com`;
    const { browser, arrived } = await comeAs(`sub-${String(role)}`, verified(name, role));
    expect(arrived).toBe(`${PUBLIC_URL}/console`);
    expect(await browser.me()).toMatchObject({ ...expected, person: name.toLowerCase() });
  });

  test('without a verified email is the person of the issuer’s own id', async () => {
    for (const claims of [{ email: 'x@example.com', email_verified: false }, { email: 'x@example.com' }, {}]) {
      const { browser } = await comeAs('u-4711', { ...claims, fenyong_role: 'risk' });
      expect(await browser.me()).toMatchObject({ person: 'u-4711' });
    }
    expect(await keysOf('u-4711')).toHaveLength(1);
  });

  test('comes to the page that he asked for, if it is ours', async () => {
    const claims = verified('way@example.com', 'risk');
    const back = async (wanted: string) => (await comeAs('way', claims, `/sign-in/oidc?return_to=${encodeURIComponent(wanted)}`)).arrived;
    expect(await back('/console#/orders?x=1')).toBe(`${PUBLIC_URL}/console#/orders?x=1`);
    for (const wanted of ['//evil.example', 'https://evil.example', '/\\evil.example', '.evil.example', '@evil.example', '/a\nb', '']) {
      expect(await back(wanted), wanted).toBe(`${PUBLIC_URL}/console`);
    }
  });

  test('also where the issuer tells all by the id token', async () => {
    const earlier = issuer;
    issuer = await openIssuer(CALLBACK, { tellsByToken: true });
    const other = await openAt(issuer.url);
    issuer.account = { sub: 'by-token', claims: verified('token@example.com', 'auditor') };
    const { browser, arrived } = await travel('/sign-in/oidc', { at: other });
    expect([arrived, await browser.me()]).toEqual([`${PUBLIC_URL}/console`, expect.objectContaining({ scope: 'auditor' })]);
    await other.close();
    await issuer.close();
    issuer = earlier;
  });
});

describe('the key of a person', () => {
  test('is the same one next time, listed, and cannot be presented', async () => {
    const claims = verified('wang@example.com', 'operator');
    await comeAs('wang', claims);
    await comeAs('wang', claims);
    const keys = await keysOf('wang@example.com');
    expect(keys).toEqual([expect.objectContaining({ sign_in: 'oidc', label: 'Company account', role: 'operator', ending: null })]);
    const { rows } = await sql`
      select from api_key where person = 'wang@example.com' and hash is not null`.execute(service.database.owner);
    expect(rows).toEqual([]);
  });

  test('is another one once the claim is another: what was signed in before ends', async () => {
    const before = (await comeAs('zhao', verified('zhao@example.com', 'admin'))).browser;
    expect(await before.me()).toMatchObject({ role: null });
    const after = (await comeAs('zhao', verified('zhao@example.com', 'finance'))).browser;
    expect([await before.me(), await after.me()]).toEqual([401, expect.objectContaining({ role: 'finance' })]);
    const [now, then] = await keysOf('zhao@example.com');
    expect([now!['role'], now!['revoked_at'], then!['role'], typeof then!['revoked_at']]).toEqual(['finance', null, null, 'string']);
    const { rows } = await sql<{ action: string }>`
      select action from audit_log where subject_kind = 'key' and subject_id in (${String(now!['key_id'])}, ${String(then!['key_id'])})
      order by audit_id`.execute(service.database.owner);
    expect(rows.map(({ action }) => action)).toEqual(['key_made', 'key_revoked', 'key_made']);
  });

  test('does not keep the last key that can be presented from being the last', async () => {
    await comeAs('boss', verified('boss@example.com', 'admin'));
    const presented = (await ask('GET', '/v1/keys?limit=200')).data.filter((key) => key['sign_in'] === null && key['scope'] === 'admin');
    expect(presented).toHaveLength(1);
    const last = `/v1/keys/${String(presented[0]!['key_id'])}`;
    const answer = await fetch(service.url + last, { method: 'DELETE', headers: { authorization: `Bearer ${ADMIN_KEY}` } });
    expect(answer.status).toBe(409);
  });
});

describe('who is not let in is told why', () => {
  test.each([
    ['no role', { fenyong_role: undefined }, 'fenyong_role'],
    ['a role that is none here', { fenyong_role: ['janitor'] }, 'no role here'],
    ['two roles', { fenyong_role: ['risk', 'finance'] }, 'several roles'],
    ['a merchant that is not known', { fenyong_role: 'merchant:<m9>' }, '&lt;m9&gt;'],
    ['a name that is too long', { email_verified: false, fenyong_role: 'risk' }, '128 characters'],
  ])('%s', async (_what, claims, said) => {
    const sub = said.startsWith('128') ? 'x'.repeat(129) : 'chen';
    const { browser, answer, text } = await comeAs(sub, { ...verified('chen@example.com', 'risk'), ...claims });
    expect([answer.status, await browser.me()]).toEqual([403, 401]);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(text).toContain(said);
    expect(text).toContain(`href="${PUBLIC_URL}/sign-in/oidc"`);
    expect(await keysOf('chen@example.com')).toEqual([]);
  });

  test('in Chinese, to those who read it', async () => {
    issuer.account = { sub: 'chen', claims: {} };
    const { text } = await travel('/sign-in/oidc', { language: 'zh-CN,zh;q=0.9' });
    expect(text).toContain('<html lang="zh">');
    expect(text).toContain('您的账号在这里没有角色');
  });

  test('when the issuer says no', async () => {
    issuer.account = null;
    const { answer, text } = await travel('/sign-in/oidc');
    expect([answer.status, text.includes('ended the sign-in')]).toEqual([403, true]);
  });
});

/** As far as the issuer's answer, which is not sent yet. */
async function answered(browser = browserAt(service.url)) {
  issuer.account = { sub: 'sun', claims: verified('sun@example.com', 'risk') };
  const elsewhere = browserAt(issuer.url);
  let url = (await browser.open('/sign-in/oidc')).headers.get('location')!;
  const asked = new URL(url).searchParams;
  while (!url.startsWith(CALLBACK)) {
    const next = (await elsewhere.open(url)).headers.get('location')!;
    url = new URL(next, issuer.url).href;
  }
  return { browser, asked, url: url.replace(PUBLIC_URL, '') };
}

describe('an answer of the issuer', () => {
  test('is asked for with PKCE, a nonce and a state that no one can foresee', async () => {
    const [{ asked: first }, { asked: second }] = [await answered(), await answered()];
    expect(first.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(first.get(name)!.length).toBeGreaterThan(40);
      expect(first.get(name)).not.toBe(second.get(name));
    }
  });

  test('is taken in the browser that asked, once', async () => {
    const { browser, url } = await answered();
    const stranger = browserAt(service.url);
    expect((await stranger.open(url)).status).toBe(400);
    const { browser: other } = await answered();
    expect((await other.open(url)).status).toBe(400);
    expect((await browser.open(url)).headers.get('location')).toBe(`${PUBLIC_URL}/console`);
    expect((await browser.open(url)).status).toBe(400);
    expect([await stranger.me(), await other.me()]).toEqual([401, 401]);
  });

  test('is not taken with another code, state or issuer', async () => {
    const changed: [string, string, number][] = [
      ['code', 'forged', 403],
      ['state', '0'.repeat(64), 400],
      ['iss', 'https://evil.example', 403],
    ];
    for (const [name, value, status] of changed) {
      const { browser, url } = await answered();
      const forged = new URL(url, PUBLIC_URL);
      forged.searchParams.set(name, value);
      expect((await browser.open(forged.pathname + forged.search)).status, name).toBe(status);
      expect(await browser.me()).toBe(401);
    }
  });

  test('is not taken where its browser has changed what it carries', async () => {
    const { browser, url } = await answered();
    const carried = JSON.parse(Buffer.from(browser.cookies.get('fy_sign_in')!, 'base64url').toString()) as object;
    const changed = { ...carried, returnTo: '//evil.example' };
    browser.cookies.set('fy_sign_in', Buffer.from(JSON.stringify(changed)).toString('base64url'));
    expect((await browser.open(url)).status).toBe(400);
  });
});

test('an issuer that is down keeps nobody from starting the service, and is tried again', async () => {
  const port = await freePort();
  const other = await openAt(`http://127.0.0.1:${port}`);
  const answer = await fetch(`${other.url}/sign-in/oidc`, { redirect: 'manual', headers: { 'accept-language': 'zh' } });
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
  expect(await answer.text()).toContain('暂时无法连接公司账号系统');
  await other.close();
});

test('without an issuer there is no such way, and a page can know it', async () => {
  const plain = await openService({ works: false, listens: true });
  expect((await fetch(`${plain.url}/sign-in/oidc`)).status).toBe(404);
  const ways = await Promise.all([plain, service].map(async ({ url }) => (await fetch(`${url}/sign-in/ways`)).json()));
  expect(ways).toEqual([{ oidc: false }, { oidc: true }]);
  await plain.close();
});
