// What the promoter's page does in the browser: it signs in and out, sends forms, copies, draws the
// poster, and asks for itself again while somebody looks at it.

import { drawPoster } from './poster.ts';
import { makeWishName, readPageData, refusalText, send, textOf, type Outcome } from './sending.ts';

const LIVE_MS = 30_000;
const CODE = /^#([\w-]{16,})$/;

const page = readPageData();

function say(place: Element | null, text: string): void {
  if (place !== null) place.textContent = text;
}

/** Carries out a wish once: what was pressed rests meanwhile, and says how it ended. */
async function once(button: HTMLButtonElement | null, place: Element | null, work: () => Promise<Outcome>): Promise<Outcome | null> {
  if (button?.disabled === true) return null;
  if (button !== null) button.disabled = true;
  say(place, page.words['sending'] ?? '');
  try {
    const outcome = await work();
    say(place, outcome.ok ? (page.words['done'] ?? '') : refusalText(outcome, page));
    return outcome;
  } catch {
    say(place, page.words['offline'] ?? '');
    return null;
  } finally {
    if (button !== null) button.disabled = false;
  }
}

const alertOf = (place: Element) => place.querySelector('[role="alert"]');
const buttonOf = (place: Element) => place.querySelector<HTMLButtonElement>('button');

function signIn(form: HTMLFormElement): void {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const key = textOf(new FormData(form).get('key')).trim();
    void once(buttonOf(form), alertOf(form), async () => {
      const outcome = await send({ method: 'POST', url: '/v1/sessions', headers: { authorization: `Bearer ${key}` } }, page);
      if (outcome.ok) location.reload();
      return outcome;
    });
  });
}

function offerCode(section: HTMLElement): void {
  const code = CODE.exec(location.hash)?.[1];
  section.hidden = code === undefined;
  if (code === undefined) return;
  const button = buttonOf(section);
  button?.addEventListener('click', () => {
    void once(button, alertOf(section), async () => {
      const outcome = await send({ method: 'POST', url: '/sign-in/link', body: { code } }, page);
      // The code is used up: it is not to stay in the history.
      if (outcome.ok) location.replace('/me');
      return outcome;
    });
  });
}

function signOut(button: HTMLButtonElement): void {
  button.addEventListener('click', () => {
    void once(button, null, async () => {
      const outcome = await send({ method: 'DELETE', url: '/v1/sessions/current' }, page);
      location.assign('/me');
      return outcome;
    });
  });
}

/** The fields that are filled in; `account.openid` stands inside `account`. */
function bodyOf(form: HTMLFormElement): Record<string, unknown> {
  const body: Record<string, unknown> = {};
  new FormData(form).forEach((value, name) => {
    const text = textOf(value).trim();
    if (text === '') return;
    const point = name.indexOf('.');
    const outer = name.slice(0, point);
    if (point < 0) body[name] = text;
    else body[outer] = { ...(body[outer] as object | undefined), [name.slice(point + 1)]: text };
  });
  return body;
}

function sendForm(form: HTMLFormElement): void {
  const method = form.dataset['method'] ?? 'POST';
  const next = form.dataset['next'] ?? location.pathname;
  let wish = makeWishName();
  form.addEventListener('input', () => {
    wish = makeWishName();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void once(buttonOf(form), alertOf(form), async () => {
      const headers: Record<string, string> = method === 'POST' ? { 'idempotency-key': wish } : {};
      const outcome = await send({ method, url: form.getAttribute('action') ?? '', body: bodyOf(form), headers }, page);
      if (!outcome.ok) wish = makeWishName();
      else location.assign(next.replace('{code}', encodeURIComponent(textOf(outcome.body['code']))));
      return outcome;
    });
  });
}

/** Copies a field; where the browser does not let us, the text is selected for a long press. */
function copyFrom(button: HTMLButtonElement): void {
  button.addEventListener('click', () => {
    const field = document.getElementById(button.dataset['copy'] ?? '');
    if (!(field instanceof HTMLInputElement)) return;
    const place = button.parentElement?.querySelector('[role="status"]') ?? null;
    field.focus();
    field.setSelectionRange(0, field.value.length);
    void copied(field.value).then((isCopied) => say(place, page.words[isCopied ? 'copied' : 'selected'] ?? ''));
  });
}

async function copied(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard === undefined) return document.execCommand('copy');
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return document.execCommand('copy');
  }
}

function offerPoster(place: HTMLElement): void {
  const said = (name: string): string => place.dataset[name] ?? '';
  const button = buttonOf(place);
  const status = place.querySelector('[role="status"]');
  const draw = async (): Promise<void> => {
    const invitation = page.words['poster_scan'] ?? '';
    const poster = { qr: said('qr'), heading: said('heading'), price: said('price'), picture: said('picture'), invitation };
    say(status, page.words['sending'] ?? '');
    try {
      const image = new Image();
      image.src = await drawPoster(poster);
      image.alt = page.words['poster_alt'] ?? '';
      image.className = 'poster';
      button?.replaceWith(image);
      say(status, '');
    } catch {
      say(status, page.words['poster_failed'] ?? '');
    }
  };
  button?.addEventListener('click', () => void draw());
}

/** Whether a new state of the page may be put in: not while somebody fills something in. */
const isIdle = () => document.visibilityState === 'visible' && !(document.activeElement instanceof HTMLInputElement);

/** Asks for the page again, and puts what it is now in its place. */
async function renew(): Promise<void> {
  const main = document.getElementById('main');
  if (main === null || main.dataset['live'] === undefined || !isIdle()) return;
  try {
    const answer = await fetch(location.href, { credentials: 'same-origin' });
    const next = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main');
    if (next === null) return;
    // Who was signed out meanwhile is shown so, and can sign in again.
    if (next.dataset['live'] === undefined) location.reload();
    else main.replaceWith(next);
  } catch {
    // Without a connection the page stays as it is; the next time asks again.
    return;
  }
}

document.querySelectorAll<HTMLFormElement>('form[data-sign-in]').forEach(signIn);
document.querySelectorAll<HTMLFormElement>('form[data-send]').forEach(sendForm);
document.querySelectorAll<HTMLButtonElement>('[data-sign-out]').forEach(signOut);
document.querySelectorAll<HTMLButtonElement>('[data-copy]').forEach(copyFrom);
document.querySelectorAll<HTMLElement>('[data-poster]').forEach(offerPoster);
const code = document.getElementById('code');
if (code !== null) {
  offerCode(code);
  window.addEventListener('hashchange', () => offerCode(code));
}
setInterval(() => void renew(), LIVE_MS);
