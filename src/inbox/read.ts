// What a delivery says, before anything else is known: its bytes read into checked reports. Pure,
// so what fails here fails for good.
import { createHash } from 'node:crypto';

import { z } from 'zod';

import { canonicalReport } from '../core/report.ts';
import { parseJson } from '../platform/http/json.ts';
import { faultsOf } from '../platform/http/problem.ts';
import type { Adapter, MappedReport, PlatformName } from '../sources/source.ts';
import { REST } from '../sources/connections/source-fields.ts';
import type { TakenDelivery } from './delivery-store.ts';

const FAULTS_SHOWN_MAX = 5;

/** A report whose merchant may be known by its source only. */
const sourceReport = canonicalReport.extend({ merchant_id: canonicalReport.shape.merchant_id.nullish() });

type ReportContent = z.output<typeof sourceReport>;

/** The connection through which a delivery came; merchantId null: it is named by each report. */
export interface Origin {
  sourceId: string;
  kind: string;
  merchantId: string | null;
  options: Record<string, unknown>;
}

/**
 * One report of a delivery, read and checked. `says` evidence: a storefront speaks of another
 * source's order.
 */
export interface DeliveredReport {
  delivery: TakenDelivery;
  ordinal: number;
  origin: Origin;
  /** The source whose order it is about. */
  sourceId: string;
  says: 'all' | 'evidence';
  content: ReportContent;
  contentHash: string;
  shop: string | null;
  names: PlatformName[];
  /** A code that the adapter does not know; see `MappedReport`. */
  unknownCode: string | null;
  /**
   * As of when the words of the source are understood: when the order was paid, else when this was
   * said.
   */
  asOf: Date;
}

/**
 * The headers of an uploaded row that is as the platform's own list has it: its adapter reads it.
 */
export const PLATFORM_ROW = { form: 'platform-row' } as const;

/**
 * Of a row whose file does not say when it was last changed: what stands for that in a list is not
 * to be taken for it.
 */
export const UNTIMED = { untimed: 'yes' } as const;

/** Reads a delivery into its reports, or throws with what is wrong with it. */
export function readDelivery(
  delivery: TakenDelivery,
  origin: Origin | undefined,
  adapters: ReadonlyMap<string, Adapter>,
): DeliveredReport[] {
  const { source_id: sourceId, body, headers, received_at: receivedAt } = delivery;
  if (sourceId === REST) return [checkedReport(delivery, restOf(delivery), 0, { report: parseJson(body), shop: null, names: [] })];
  if (origin === undefined) throw new Error(`there is no source ${sourceId}`);
  // What is uploaded for a source is in our words, unless it is a row of an export that has all
  // that the platform's own list has.
  if (delivery.origin === 'upload' && headers['form'] !== PLATFORM_ROW.form) {
    return [checkedReport(delivery, origin, 0, { report: parseJson(body), shop: null, names: [] })];
  }
  const adapter = adapters.get(origin.kind);
  if (adapter === undefined) throw new Error(`there is no adapter for ${origin.kind}`);
  const mapped = inSentences(`the delivery is not as ${origin.kind} writes one`, () =>
    adapter.map({ body, headers, receivedAt, options: origin.options }),
  );
  const isUntimed = headers['untimed'] === UNTIMED.untimed;
  return mapped.map((one, ordinal) =>
    checkedReport(delivery, origin, ordinal, isUntimed ? { ...one, report: { ...one.report, observed_at: null } } : one),
  );
}

function restOf({ merchant_id: merchantId }: TakenDelivery): Origin {
  return { sourceId: REST, kind: REST, merchantId, options: {} };
}

function checkedReport(
  delivery: TakenDelivery,
  origin: Origin,
  ordinal: number,
  { report, shop, names, unknownCode = null }: Omit<MappedReport, 'report'> & { report: unknown },
): DeliveredReport {
  const parsed = sourceReport.safeParse(report);
  if (!parsed.success) throw new Error(`the report ${ordinal} is not as it should be: ${faultsShown(parsed.error)}`);
  const content = delivery.origin === 'upload' ? { ...parsed.data, whole: null } : parsed.data;
  const isRest = origin.sourceId === REST;
  const named = content.source_id ?? origin.sourceId;
  if (!isRest && named !== origin.sourceId) throw new Error(`the report ${ordinal} is about an order of the source ${named}`);
  return {
    delivery,
    ordinal,
    origin,
    sourceId: named,
    says: isRest && named !== REST ? 'evidence' : 'all',
    content,
    contentHash: delivery.content_hashes?.[ordinal] ?? createHash('sha256').update(stableJson(content)).digest('hex'),
    shop,
    names,
    unknownCode,
    asOf: new Date(content.deposit_paid_at ?? content.paid_at ?? content.observed_at ?? delivery.received_at),
  };
}

/** What an adapter finds wrong with a delivery, in words that whoever sent it can read. */
function inSentences<Value>(what: string, read: () => Value): Value {
  try {
    return read();
  } catch (error) {
    if (error instanceof z.ZodError) throw new Error(`${what}: ${faultsShown(error)}`, { cause: error });
    throw error;
  }
}

function faultsShown(error: z.ZodError): string {
  const faults = faultsOf(error).slice(0, FAULTS_SHOWN_MAX);
  return faults.map(({ path, message }) => `${path}: ${message}`).join('; ');
}

/** The JSON text of a value with its keys sorted, so that equal contents are equal texts. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
