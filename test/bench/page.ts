// The promoter's page on a slow phone: from the wish to see it until its figures are painted, on
// puppeteer's Slow 4G with a processor a quarter as fast, nothing of it kept from before.

import { launch, PredefinedNetworkConditions, type Browser } from 'puppeteer-core';

import { adminOf, openMarket, reportOf } from './market.ts';
import { startService } from './processes.ts';
import { median } from './rounds.ts';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const CPU_SLOWER = 4;
const ORDERS = 20;

/** Told by the browser itself: the first frame that is painted after the figures are there. */
const WATCH = `{
  const look = () => {
    if (document.querySelector('[data-figure="available"]') === null || performance.getEntriesByName('first-contentful-paint').length === 0)
      return void requestAnimationFrame(look);
    requestAnimationFrame(() => { window.figuresAt = performance.now(); });
  };
  requestAnimationFrame(look);
}`;

export async function benchPage({ rounds }: { rounds: number }): Promise<string[]> {
  const service = await startService('serve');
  const browser = await launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
  try {
    const client = adminOf(service);
    const [code] = await openMarket(service, 1);
    for (let index = 0; index < ORDERS; index++) {
      const { click_token: _none, ...report } = reportOf(`page-${index}`, null);
      await client.POST('/v1/orders', { body: { ...report, link_code: code } as never });
    }
    const { data } = await client.POST('/v1/keys', { body: { scope: 'promoter', promoter_id: 'bob', label: 'phone' } });
    const cookie = await signIn(service.url, data.key ?? '');
    const views = [];
    // The first is of a service that has just been started.
    for (let round = 0; round <= rounds; round++) views.push(await view(browser, service.url, cookie));
    const shown = views.slice(1);
    return [
      `promoter's page, figures painted            ${Math.round(median(shown.map(({ paintedMs }) => paintedMs)))} ms on Slow 4G, CPU x${CPU_SLOWER}`,
      `  on the wire                               ${Math.round(median(shown.map(({ bytes }) => bytes)) / 1024)} KiB, ${shown[0]?.requests} requests`,
    ];
  } finally {
    await browser.close();
    await service.stop();
  }
}

async function signIn(url: string, key: string): Promise<string> {
  const answer = await fetch(`${url}/v1/sessions`, { method: 'POST', headers: { authorization: `Bearer ${key}` } });
  if (!answer.ok) throw new Error(`no session: ${answer.status} ${await answer.text()}`);
  return /fy_session=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1] ?? '';
}

/** One visit of a browser that was never here. */
async function view(browser: Browser, url: string, cookie: string): Promise<{ paintedMs: number; bytes: number; requests: number }> {
  const context = await browser.createBrowserContext();
  try {
    await context.setCookie({ name: 'fy_session', value: cookie, domain: new URL(url).hostname, path: '/' });
    const page = await context.newPage();
    const session = await page.createCDPSession();
    const wire = { bytes: 0, requests: 0 };
    await session.send('Network.enable');
    session.on('Network.loadingFinished', ({ encodedDataLength }) => {
      wire.bytes += encodedDataLength;
      wire.requests++;
    });
    await page.emulateNetworkConditions(PredefinedNetworkConditions['Slow 4G']);
    await page.emulateCPUThrottling(CPU_SLOWER);
    await page.evaluateOnNewDocument(WATCH);
    await page.goto(`${url}/me`, { waitUntil: 'load' });
    const painted = await page.waitForFunction('window.figuresAt');
    return { paintedMs: Number(await painted.jsonValue()), ...wire };
  } finally {
    await context.close();
  }
}
