// The recorded bodies of an order system, with what becomes of them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

export interface Named {
  name: string;
  body: Buffer;
}

interface Fixture extends Named {
  mapped: unknown;
  headers: Record<string, string>;
  options: unknown;
}

export function fixturesOf(kind: string): Fixture[] {
  const folder = new URL(`fixtures/${kind}/`, import.meta.url);
  if (!existsSync(folder)) return [];
  const read = (file: string): unknown => {
    const place = new URL(file, folder);
    return existsSync(place) ? JSON.parse(readFileSync(place, 'utf8')) : null;
  };
  const names = readdirSync(folder).flatMap((file) => /^(.+)\.body\.json$/.exec(file)?.[1] ?? []);
  return names.map((name) => ({
    name,
    body: readFileSync(new URL(`${name}.body.json`, folder)),
    mapped: read(`${name}.mapped.json`),
    headers: (read(`${name}.headers.json`) ?? {}) as Record<string, string>,
    options: read(`${name}.options.json`),
  }));
}
