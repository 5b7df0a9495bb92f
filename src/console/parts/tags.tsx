// States as tags: each has its word and its sign, so that none is told by its colour alone.

import { Tag } from 'tdesign-react';

import { nameOf } from './say.tsx';

type Tone = 'good' | 'bad' | 'warn' | 'quiet';

const THEMES = { good: 'success', bad: 'danger', warn: 'warning', quiet: 'default' } as const;
const SIGNS = { good: '✓', bad: '✕', warn: '!', quiet: '' } as const;

/** The tones of the codes of the API; what is not here is quiet. */
const TONES: Readonly<Record<string, Tone>> = {
  'award.released': 'good',
  'award.void': 'bad',
  'decision.attributed': 'good',
  'decision.unattributed': 'warn',
  'decision.no_rule': 'bad',
  'decision.void': 'bad',
  'state.processed': 'good',
  'state.parked': 'warn',
  'state.failed': 'bad',
  'promoter_status.active': 'good',
  'promoter_status.suspended': 'bad',
  'tracking.made': 'good',
  'tracking.failed': 'bad',
};

/** A code of the API as a tag, by the words `kind.code`. */
export function StateTag({ kind, code }: { kind: string; code: string }) {
  return <ToneTag tone={TONES[`${kind}.${code}`] ?? 'quiet'}>{nameOf(kind, code)}</ToneTag>;
}

export function ToneTag({ tone, children }: { tone: Tone; children: string }) {
  return (
    <Tag theme={THEMES[tone]} variant="light-outline" size="small">
      {SIGNS[tone] === '' ? '' : <span aria-hidden="true">{SIGNS[tone]} </span>}
      {children}
    </Tag>
  );
}
