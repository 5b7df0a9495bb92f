// How single values are shown: amounts, times, ids, and links to what they name.

import type { ReactNode } from 'react';

import { money, type Units } from './amounts.ts';
import { addressOf, go, hrefOf, type Query } from './place.ts';
import { currentLanguage, localeOf, say } from './say.tsx';
import { visible } from './visible.ts';

/** A link to a page of the desk. */
export function Link({ to, query, children, current }: { to: readonly string[]; query?: Query; children: ReactNode; current?: boolean }) {
  const address = addressOf(to, query);
  return (
    <a
      href={hrefOf(address)}
      {...(current === true && { 'aria-current': 'page' as const })}
      onClick={(event) => {
        // Whoever wants another tab has it.
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        go(address);
      }}
    >
      {children}
    </a>
  );
}

/** An id or a text of others: its direction is its own, and what hides in it is seen. */
export function Id({ children }: { children: string | null | undefined }) {
  return children === null || children === undefined ? '–' : <bdi className="id">{visible(children)}</bdi>;
}

export function PromoterLink({ id }: { id: string | null | undefined }) {
  if (id === null || id === undefined) return say('platform');
  return (
    <Link to={['promoters', id]}>
      <Id>{id}</Id>
    </Link>
  );
}

export function MerchantLink({ id }: { id: string | null | undefined }) {
  if (id === null || id === undefined) return '–';
  return (
    <Link to={['merchants', id]}>
      <Id>{id}</Id>
    </Link>
  );
}

export function OrderLink({ order }: { order: { source_id: string; order_id: string; merchant_id: string } }) {
  return (
    <Link to={['orders', order.source_id, order.order_id]} query={{ merchant_id: order.merchant_id }}>
      <Id>{order.order_id}</Id>
    </Link>
  );
}

/** An amount with its currency, or without where none is known yet. */
export function Amount({ of: units, currency }: { of: Units | null | undefined; currency: string | null }) {
  return units === null || units === undefined ? '–' : <span className="amount">{money(units, currency)}</span>;
}

/** A time of the API in the reader's own time zone, which it names. */
export function moment(time: string | null | undefined): string {
  if (time === null || time === undefined) return '–';
  return new Intl.DateTimeFormat(localeOf(currentLanguage()), {
    year: 'numeric',
    // Everywhere else in the world 01/12 is another day.
    month: currentLanguage() === 'zh' ? '2-digit' : 'short',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  }).format(new Date(time));
}

export function Time({ at }: { at: string | null | undefined }) {
  if (at === null || at === undefined) return '–';
  return (
    <time dateTime={at} title={at}>
      {moment(at)}
    </time>
  );
}

/** Facts by name. */
export function Facts({ of: facts }: { of: readonly (readonly [string, ReactNode] | null)[] }) {
  return (
    <dl className="facts">
      {facts.map((fact) =>
        fact === null ? null : (
          <div key={fact[0]}>
            <dt>{fact[0]}</dt>
            <dd>{fact[1] ?? '–'}</dd>
          </div>
        ),
      )}
    </dl>
  );
}

/** A part of a page, with its heading. */
export function Section({ title, side, children }: { title: string; side?: ReactNode; children: ReactNode }) {
  return (
    <section className="card">
      <div className="head">
        <h2>{title}</h2>
        {side}
      </div>
      {children}
    </section>
  );
}
