// Reports as the core reads them, made from what a sender writes: whom they name is meant as it
// stands.
import {
  readReport,
  type CanonicalReport,
  type NamedEvidence,
  type ReportContext,
  type Report,
  type ReportEvidence,
} from '../../src/core/report.ts';

/** How large orders may be, unless an operator says otherwise. */
export const BOUNDS = { linesMax: 500, refundsMax: 1000 };

/** What a report brings that names nobody. */
export const NO_EVIDENCE: ReportEvidence = {
  clickToken: null,
  linkCode: null,
  couponCodes: [],
  promoterIds: [],
  namedLinkCodes: [],
  talentId: null,
  scene: null,
};

/** Whom a report names, where every name is one of ours. */
function namedBy(parsed: CanonicalReport): Map<string | null, NamedEvidence> {
  return new Map<string | null, NamedEvidence>([
    [null, namesOf(parsed)],
    ...(parsed.lines ?? []).map((line): [string, NamedEvidence] => [line.line_id, namesOf(line)]),
  ]);
}

function namesOf({
  promoter_id: promoterId,
  talent_id: talentId,
}: {
  promoter_id?: string | null | undefined;
  talent_id?: string | null | undefined;
}) {
  return { promoterIds: promoterId == null ? [] : [promoterId], linkCodes: [], talentId: talentId ?? null };
}

/** Reads a report that arrived at `receivedAt`, by a clock that is believed. */
export function readAs(parsed: CanonicalReport, reading: Partial<ReportContext> & { receivedAt: Date }): Report {
  const observedMax = new Date(8.64e15);
  return readReport(parsed, { observedMax, untimedAt: null, identities: [], named: namedBy(parsed), ...reading });
}

/** Who a sender says the buyer is, as far as anything is said. */
export function buyerOf(parsed: CanonicalReport): Record<string, string> {
  return Object.fromEntries(Object.entries(parsed.buyer ?? {}).flatMap(([type, value]) => (value ? [[type, value]] : [])));
}
