// What was built for the browser, read once and served from memory under names that change with
// what is in them.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { z } from 'zod';

import { DomainError } from '../core/errors.ts';
import type { App } from '../platform/http/app.ts';

const BUILT = fileURLToPath(new URL('../../dist/me', import.meta.url));
const FOR_EVER = 'public, max-age=31536000, immutable';
const manifest = z.object({ script: z.string(), style: z.string() });

/** The addresses of the script and the style. */
export interface Bundle {
  script: string;
  style: string;
}

interface File {
  type: string;
  body: Buffer;
  gzipped: Buffer;
}

/**
 * Serves what lies in `folder`, where the bundle was built, below /me/assets, and tells where. It
 * is read when it is first asked for: who serves only the API needs none. It throws where nothing
 * was built.
 */
export function serveBundle(app: App, folder = BUILT): () => Bundle {
  let read: { bundle: Bundle; files: ReadonlyMap<string, File> } | null = null;
  const built = () => (read ??= readBundle(folder));
  app.get('/me/assets/:name', { schema: { hide: true, params: z.object({ name: z.string() }) } }, async (request, reply) => {
    const file = built().files.get(request.params.name);
    if (file === undefined) throw new DomainError('not_found', 'There is nothing at this address.');
    const isZipped = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    reply.headers({ 'cache-control': FOR_EVER, vary: 'accept-encoding', ...(isZipped && { 'content-encoding': 'gzip' }) });
    return reply.type(file.type).send(isZipped ? file.gzipped : file.body);
  });
  return () => built().bundle;
}

function readBundle(folder: string) {
  const names = manifest.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')));
  const read = (name: string, type: string): [string, File] => {
    const body = readFileSync(join(folder, name));
    return [name, { type, body, gzipped: gzipSync(body) }];
  };
  const files = new Map([read(names.script, 'text/javascript; charset=utf-8'), read(names.style, 'text/css; charset=utf-8')]);
  return { bundle: { script: `/me/assets/${names.script}`, style: `/me/assets/${names.style}` }, files };
}
