// The statistics of the demo: who earned what, counted as the books say it.

import type { components } from '../../client/api.ts';
import type { FenyongClient } from '../../client/client.ts';
import type { Books } from './readings.ts';
import { table, yuan } from './table.ts';

type Figures = components['schemas']['Statistics'];

const EVER = { from: '2000-01-01T00:00:00Z', to: '2100-01-01T00:00:00Z', bucket: 'none' } as const;

/** The figures of every promoter, at any time, whoever earned most first. */
export async function readFigures(api: FenyongClient): Promise<Figures> {
  const query = { ...EVER, group_by: 'promoter', currency: 'CNY', sort: '-commission', limit: 200 };
  // It would be text only where a table was asked for.
  return (await api.GET('/v1/statistics', { params: { query } })).data as Figures;
}

type Row = Figures['totals'][number];

const COLUMNS = [
  { title: 'promoter' },
  ...['clicks', 'orders', 'paid', 'estimated', 'confirmed', 'released', 'of 100 clicks'].map((title) => ({ title, right: true })),
];

/** The figures as the demo prints them. */
export function figuresSection({ data, totals }: Figures): string {
  const won = data.filter(({ promoter_id: id }) => id != null);
  const rows = [...won.map((row) => told(row.promoter_id!, row)), ...totals.map((row) => told('all of them', row))];
  return `\n9. Statistics: what everybody has sold and earned\n\n${table(COLUMNS, rows)}`;
}

function told(name: string, row: Row): string[] {
  const { clicks, orders, paid_amount: paid, conversion_ppm: conversion } = row;
  const commission = [row.commission_estimated, row.commission_confirmed, row.commission_released].map((amount) => yuan(amount ?? 0));
  const converted = conversion == null ? '' : (conversion / 10_000).toFixed(1);
  return [name, String(clicks), String(orders), yuan(paid ?? 0), ...commission, converted];
}

/** What is not as it must be: promoters earn in the statistics what they earn in their orders. */
export function figureDifferences({ data }: Figures, { orders }: Books): string[] {
  const shares = orders.flatMap(({ lines }) => lines.flatMap((line) => line.shares)).filter(({ promoter_id }) => promoter_id !== null);
  const earned = new Map<string, number>();
  for (const { promoter_id: id, amount } of shares) earned.set(id!, (earned.get(id!) ?? 0) + amount);
  const counted = new Map(data.map((row) => [row.promoter_id, commissionOf(row)]));
  return [...earned]
    .filter(([id, amount]) => counted.get(id) !== amount)
    .map(([id, amount]) => `the statistics count ${counted.get(id)} for ${id}, who earns ${amount}`);
}

function commissionOf(row: Row): number {
  return (row.commission_estimated ?? 0) + (row.commission_confirmed ?? 0) + (row.commission_released ?? 0);
}
