// One suite over all order systems, as far as adapters are pure: what they push, signed as they
// sign, and what becomes of it.
import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { lift, merge } from '../../src/core/merge.ts';
import { NOTHING_TOLD, type MergedOrder } from '../../src/core/merged.ts';
import { viewOrder } from '../../src/core/order.ts';
import { canonicalReport } from '../../src/core/report.ts';
import { stableJson } from '../../src/inbox/read.ts';
import type { KeptDelivery, MappedReport, Push, PushVerdict } from '../../src/sources/source.ts';
import type { SourceSecrets } from '../../src/sources/signing.ts';
import { fixturesOf, type Named } from './fixtures.ts';
import type { Sent, Signer, Story, Subject } from './subject.ts';
import { readAs } from '../core/reading.ts';

const NOW = new Date('2026-06-02T00:00:00Z');
const LONG_ID = '3705115058471208928';

/** What every adapter promises, over its fixtures and the story of one order. */
export function contractOf(subject: Subject): void {
  const { adapter, secrets, push } = subject;
  const options = adapter.options.parse(subject.options ?? {});

  test('its secrets and options are checked when a source is made', () => {
    expect(adapter.secrets.safeParse(secrets).success).toBe(true);
    for (const bad of [{}, { ...secrets, more: 'x' }, ...Object.keys(secrets).map((name) => ({ ...secrets, [name]: '' }))]) {
      expect(adapter.secrets.safeParse(bad).success, JSON.stringify(bad)).toBe(false);
    }
    expect(adapter.options.safeParse({ ...subject.options, unknown_option: 1 }).success).toBe(false);
  });

  for (const { name, body, mapped, headers, options: stated } of fixturesOf(adapter.kind)) {
    const kept: KeptDelivery = { body, headers, receivedAt: NOW, options: stated === null ? options : adapter.options.parse(stated) };
    test(`${name} becomes what it says, in checked reports, and the same ones every time`, () => {
      const reports = adapter.map(kept);
      expect(JSON.parse(JSON.stringify(reports))).toEqual(mapped);
      for (const one of reports) expect(checked(one).error?.issues ?? []).toEqual([]);
      expect(adapter.map(kept)).toEqual(reports);
    });
  }

  const bodies = [
    ...fixturesOf(adapter.kind).map(({ name, body }) => ({ name, body })),
    ...Object.entries(subject.story(LONG_ID)).flatMap(([name, body]) => (body === null ? [] : [{ name: `the story's ${name}`, body }])),
  ];
  if (push === null) nothingIsPushed(subject);
  else pushesOf(subject, push, bodies);
  storyOf(subject);

  test('whatever the bytes are, mapping them gives reports or says what is wrong', () => {
    const bytes = fc.oneof(
      fc.uint8Array().map((values) => Buffer.from(values)),
      fc.json().map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(bytes, (body) => {
        try {
          expect(Array.isArray(adapter.map({ body, headers: subject.headers ?? {}, receivedAt: NOW, options }))).toBe(true);
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }),
    );
  });

  test('what is no JSON, or only the beginning of it, is never taken for a delivery that tells nothing', () => {
    const { paid } = subject.story(LONG_ID);
    const noJson = ['', ' ', 'paid', '<html>502 Bad Gateway</html>', '{"order_id":}', "{'id':1}", 'null', '1', '"paid"'].map((text) =>
      Buffer.from(text),
    );
    const latin1 = Buffer.from(paid.toString('latin1').replace('{', '{"note":"\u00fc",'), 'latin1');
    const map = (body: Buffer) => adapter.map({ body, headers: subject.headers ?? {}, receivedAt: NOW, options });
    for (const body of [...noJson, latin1]) expect(() => map(body), body.toString()).toThrow(Error);
    fc.assert(
      fc.property(fc.nat({ max: paid.length - 1 }), (length) => {
        expect(() => map(paid.subarray(0, length))).toThrow(Error);
      }),
    );
  });
}

function nothingIsPushed({ adapter, secrets, story }: Subject): void {
  test('whoever pushes something is not believed', () => {
    expect(adapter.verify(pushed({ body: story('1').paid }, secrets)).ok).toBe(false);
  });
}

function pushesOf({ adapter, secrets }: Subject, { send, otherSecrets, rotating, staleMs }: Signer, bodies: Named[]): void {
  const verify = (sent: Sent, under: SourceSecrets, now = NOW) => adapter.verify(pushed(sent, under, now));
  const anyBody = bodies[0]!.body;

  for (const { name, body } of bodies) {
    test(`${name} is believed as it was sent, and not when a byte of it is another`, () => {
      const sent = send(body, secrets, NOW);
      expect(contentOf(verify(sent, secrets), sent)).toEqual(body);
      const forged = Buffer.from(sent.body);
      forged[forged.length >> 1]! ^= 1;
      expect(verify({ ...sent, body: forged }, secrets).ok).toBe(false);
    });
  }

  test('a push that was signed with other keys is not believed; while secrets are rotated, both are', () => {
    expect(verify(send(anyBody, otherSecrets, NOW), secrets).ok).toBe(false);
    expect(verify(send(anyBody, secrets, NOW), otherSecrets).ok).toBe(false);
    if (rotating === null) return;
    expect(verify(send(anyBody, secrets, NOW), rotating).ok).toBe(true);
    expect(verify(send(anyBody, otherSecrets, NOW), rotating).ok).toBe(true);
  });

  test('nothing is believed without a signature, without a secret, or with an empty one', () => {
    const sent = send(anyBody, secrets, NOW);
    const empty = Object.fromEntries(Object.keys(secrets).map((key) => [key, '']));
    expect(verify({ body: sent.body }, secrets).ok).toBe(false);
    expect(verify(sent, {})).toEqual({ ok: false, reason: 'no_secret' });
    expect(verify(sent, empty)).toEqual({ ok: false, reason: 'no_secret' });
  });

  if (staleMs !== null) {
    test('what was signed long ago, or for a time to come, is not believed', () => {
      const sent = send(anyBody, secrets, NOW);
      expect(verify(sent, secrets, new Date(NOW.getTime() + staleMs - 1000)).ok).toBe(true);
      expect(verify(sent, secrets, new Date(NOW.getTime() + staleMs + 2000)).ok).toBe(false);
      expect(verify(sent, secrets, new Date(NOW.getTime() - staleMs - 2000)).ok).toBe(false);
    });
  }
}

function storyOf(subject: Subject): void {
  const { adapter, paidAmount, partAmount } = subject;
  const options = adapter.options.parse(subject.options ?? {});
  const mapOf = (body: Buffer) => adapter.map({ body, headers: subject.headers ?? {}, receivedAt: NOW, options });
  const mergedOf = (bodies: readonly Buffer[]) => bodies.flatMap(mapOf).map(lifted).reduce(merge, NOTHING_TOLD);
  const seen = (bodies: readonly Buffer[]) => {
    const order = viewOrder(mergedOf(bodies));
    const paid = order.lines.reduce((total, line) => total + (line.quantity === 0 ? 0n : line.paidAmount), 0n);
    const back = order.refunds.reduce((total, one) => total + (one.status === 'succeeded' ? one.amount : 0n), 0n);
    const isCompleted = order.lines.length > 0 && order.lines.every((line) => line.completedAt !== null);
    return { status: isCompleted ? 'completed' : order.status, left: Number(order.void ? 0n : paid - back) };
  };
  const story = subject.story(LONG_ID);

  test('the id of an order keeps all its digits, and a shop keeps its name', () => {
    for (const [name, body] of told(story)) {
      for (const { report, shop } of mapOf(body)) {
        expect(report.order_id, name).toBe(LONG_ID);
        if (subject.shop !== undefined) expect(shop, name).toBe(subject.shop);
      }
    }
    fc.assert(
      fc.property(fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }), (id) => {
        expect(mapOf(subject.story(String(id)).paid).map(({ report }) => report.order_id)).toEqual([String(id)]);
      }),
    );
  });

  test('an order is paid, completed, refunded in part and refunded as a whole', () => {
    expect(seen([story.paid])).toEqual({ status: 'paid', left: paidAmount });
    expect(seen([story.paid, story.completed])).toEqual({ status: 'completed', left: paidAmount });
    if (story.partlyRefunded !== null) expect(seen([story.paid, story.partlyRefunded]).left).toBe(paidAmount - partAmount);
    if (story.refunded !== null) expect(seen([story.paid, story.refunded]).left).toBe(0);
  });

  test('in whatever order its deliveries come, and however often, the order is the same', () => {
    const bodies = told(story)
      .filter(([name]) => name !== 'unknownProduct')
      .map(([, body]) => body);
    const expected = mergedOf(bodies);
    fc.assert(
      fc.property(fc.shuffledSubarray(bodies, { minLength: bodies.length }), fc.subarray(bodies), (all, again) => {
        expect(mergedOf([...again, ...all, ...again])).toEqual(expected);
      }),
    );
  });

  test('a product that nobody has stated is told like any other', () => {
    const [known, unknown] = [story.paid, story.unknownProduct].map((body) => mapOf(body)[0]!.report.lines?.[0]);
    expect(unknown?.product_id).toBeTruthy();
    expect(unknown?.product_id).not.toBe(known?.product_id);
    expect(unknown?.paid_amount).toBe(known?.paid_amount);
  });

  const { unknownCode } = story;
  if (unknownCode !== null) {
    test('a status that nobody knows is never guessed: it is told to be unknown, and leaves the order where it was', () => {
      const before = viewOrder(NOTHING_TOLD).status;
      const mapped = knownOf(() => mapOf(unknownCode));
      expect(mapped.every((one) => one.unknownCode)).toBe(true);
      expect(viewOrder(mapped.map(lifted).reduce(merge, NOTHING_TOLD)).status).toBe(before);
    });
  }
}

/**
 * What was mapped; nothing where the whole delivery was refused, by its adapter or for what that
 * made of it.
 */
function knownOf(map: () => MappedReport[]): MappedReport[] {
  try {
    const mapped = map();
    mapped.forEach(lifted);
    return mapped;
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    return [];
  }
}

/**
 * The parts of a story that tell of the order, in their order, without the code that nobody knows.
 */
function told(story: Story): [string, Buffer][] {
  return Object.entries(story).filter((entry): entry is [string, Buffer] => entry[1] !== null && entry[0] !== 'unknownCode');
}

const checked = ({ report }: MappedReport) => canonicalReport.safeParse({ ...report, merchant_id: report.merchant_id ?? 'm1' });

function lifted(mapped: MappedReport): MergedOrder {
  const parsed = canonicalReport.parse({ ...mapped.report, merchant_id: 'm1' });
  return lift(readAs(parsed, { receivedAt: NOW }), stableJson(parsed), 'all');
}

function contentOf(verified: PushVerdict, sent: Sent): Buffer {
  if (!verified.ok || 'answer' in verified) throw new Error(`not a delivery: ${JSON.stringify(verified)}`);
  return verified.content ?? sent.body;
}

function pushed({ headers = {}, query = {}, body }: Sent, secrets: SourceSecrets, now = NOW): Push {
  return { method: 'POST', query, headers, body, secrets, now };
}
