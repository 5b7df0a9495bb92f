// Writes client/api.ts, the types of the API, from openapi/openapi.json: `npm run client`, after
// every change of the document.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** It needs a TypeScript of its own, older than ours, and is therefore no dependency. */
const GENERATOR = 'openapi-typescript@7.13.0';
const DOCUMENT = new URL('../openapi/openapi.json', import.meta.url);

const document = readFileSync(DOCUMENT);
// Here, where no redocly.yaml is: the generator would take that for its own settings. What has a
// default need not be sent.
const { status, stdout, error } = spawnSync('npx', ['-y', GENERATOR, '--default-non-nullable', 'false'], {
  cwd: fileURLToPath(new URL('.', import.meta.url)),
  input: document,
  encoding: 'utf8',
  maxBuffer: 64 * 1024 * 1024,
  stdio: ['pipe', 'pipe', 'inherit'],
});
if (error !== undefined) throw error;
if (status !== 0 || !stdout.includes('export interface paths')) throw new Error(`${GENERATOR} ended with ${status} and wrote no types.`);

const sum = createHash('sha256').update(document).digest('hex');
const head = `// The types of the API. Made by \`npm run client\` of openapi/openapi.json (sha256 ${sum}); do not edit.\n\n`;
writeFileSync(new URL('api.ts', import.meta.url), head + stdout);
