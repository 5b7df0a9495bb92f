// The image and the fleet, as far as their texts can tell: they name commands, files and variables
// that exist, and stop when told to.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

import { codeBelow, configVariables, nameOf, nodesOf, pathsBelow, textOf } from './files.ts';

/** What the image itself decides; the fleet must not. */
const OF_THE_IMAGE = ['DATA_DIR', 'HOST', 'PORT'];

const command = z.tuple([z.literal('node'), z.literal('src/start.mjs'), z.string()]);
const condition = z.object({ condition: z.enum(['service_healthy', 'service_completed_successfully']) });
const service = z.object({
  image: z.string(),
  build: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  restart: z.enum(['no', 'unless-stopped']),
  healthcheck: z.object({ test: z.array(z.string()).optional(), disable: z.boolean().optional() }).optional(),
  depends_on: z.record(z.string(), condition).default({}),
  volumes: z.array(z.string()).default([]),
});
type Service = z.infer<typeof service>;

const compose = z
  .object({ services: z.record(z.string(), service), volumes: z.record(z.string(), z.null()) })
  .parse(parse(textOf('docker-compose.yml'), { merge: true }));
const services = Object.entries(compose.services);
const ours = services.filter(([, { build }]) => build !== undefined);

/** The instructions of the Dockerfile, comments left out and continued lines joined. */
const instructions = textOf('Dockerfile')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll('\\\n', ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => ({ name: line.split(' ')[0]!, rest: line.slice(line.indexOf(' ') + 1).trim() }));
/** What the image is made of, after the stages that only prepare it. */
const stage = instructions.slice(instructions.findLastIndex(({ name }) => name === 'FROM'));

function saidLast(name: string): string {
  return stage.findLast((instruction) => instruction.name === name)?.rest ?? '';
}

/** The commands that main.ts knows: the keys of its table of commands. */
function knownCommands(): Set<string | undefined> {
  const main = codeBelow('src').find(({ path }) => path === 'src/main.ts');
  expect(main, 'src/main.ts').toBeDefined();
  const table = [...nodesOf(main!.tree)].find(({ node }) => node.type === 'VariableDeclarator' && nameOf(node['id']) === 'COMMANDS');
  expect(table, 'the table COMMANDS of src/main.ts').toBeDefined();
  return new Set([...nodesOf(table!.node)].flatMap(({ node }) => (node.type === 'Property' ? nameOf(node['key']) : [])));
}

test('the fleet is one image with three commands', () => {
  expect(ours.map(([name]) => name)).toEqual(['migrate', 'api', 'worker']);
  expect(new Set(ours.map(([, { image }]) => image)).size).toBe(1);
  for (const [name, { command: words }] of ours) expect(command.parse(words)[2]).toBe(name);
});

test('every command that is run exists', () => {
  const known = knownCommands();
  const run = [...ours.map(([, { command: words }]) => words), JSON.parse(saidLast('CMD')) as unknown].map(
    (words) => command.parse(words)[2],
  );
  expect(run.filter((name) => !known.has(name))).toEqual([]);
  expect(pathsBelow('src')).toContain('src/start.mjs');
});

test('every variable that is set is one that is read, and none that can be set is forgotten', () => {
  const inImage = stage.filter(({ name }) => name === 'ENV').flatMap(({ rest }) => rest.split(/\s+/).map((pair) => pair.split('=')[0]!));
  expect(inImage.toSorted()).toEqual(OF_THE_IMAGE);
  const readable = configVariables().filter((name) => !OF_THE_IMAGE.includes(name));
  for (const [name, { environment }] of ours) expect(Object.keys(environment).toSorted(), name).toEqual(readable);
});

// What may be left out altogether is empty then; nothing else stands in its place.
const isOptional = ([name]: [string, string]): boolean => /^(?:OIDC_|STREAMS_)/.test(name);
const isSaid = ([name, value]: [string, string]): boolean => new RegExp(`^\\$\\{${name}:\\?[^}]+\\}$`).test(value);

test('a secret is never given a default, nor written down', () => {
  const secrets = services
    .flatMap(([, { environment }]) => Object.entries(environment))
    .filter(([name]) => /(?<!PER_)KEY|SECRET|PASSWORD/.test(name));
  expect(secrets.length).toBeGreaterThan(4);
  expect(secrets.filter((one) => (isOptional(one) ? one[1] !== `\${${one[0]}:-}` : !isSaid(one)))).toEqual([]);
  for (const [, { environment }] of ours) expect(environment['DATABASE_URL']).toMatch(/:\$\{POSTGRES_PASSWORD:\?[^}]+\}@/);
});

function saysWhenHealthy({ healthcheck }: Service): boolean {
  return healthcheck?.test !== undefined;
}

test('nothing starts before what it needs is healthy, nor before the database is migrated', () => {
  for (const [name, { depends_on: needs, restart }] of services) {
    for (const [need, { condition: state }] of Object.entries(needs)) {
      const needed = compose.services[need];
      expect(needed, `${name} needs ${need}`).toBeDefined();
      expect(state === 'service_healthy' ? saysWhenHealthy(needed!) : needed!.restart === 'no', `${name} waits for ${need}`).toBe(true);
    }
    expect(restart, name).toBe(name === 'migrate' ? 'no' : 'unless-stopped');
  }
  const after = { condition: 'service_completed_successfully' };
  for (const name of ['api', 'worker']) {
    expect(compose.services[name]?.depends_on, name).toMatchObject({ migrate: after, postgres: {}, redis: {} });
  }
});

test('whatever must survive a container lies in a volume', () => {
  const mounts = services.flatMap(([, { volumes }]) => volumes.map((volume) => volume.split(':')[0]!));
  expect([...new Set(mounts)].toSorted()).toEqual(Object.keys(compose.volumes).toSorted());
  expect(compose.services['postgres']?.volumes).toEqual(['postgres:/var/lib/postgresql']);
  expect(compose.services['redis']?.command).toEqual(expect.arrayContaining(['--appendonly', 'yes', 'noeviction']));
  for (const [name, { volumes }] of ours) expect(volumes, name).toEqual([`spool:${saidLast('VOLUME')}`]);
});

test('the image runs Node itself, and not as root', () => {
  expect(stage[0]).toEqual({ name: 'FROM', rest: 'node:24-slim' });
  expect(saidLast('USER')).toBe('node');
  const names = stage.map(({ name }) => name);
  expect(names.indexOf('USER')).toBeLessThan(names.indexOf('CMD'));
  expect(stage.slice(names.indexOf('USER')).map(({ name }) => name)).not.toContain('RUN');
  expect(JSON.parse(saidLast('CMD'))).toEqual(['node', 'src/start.mjs', 'serve']);
});

/**
 * Runs what the image asks itself, against a service that answers so; gives the code it ends with.
 */
async function askHealth(answer: number): Promise<unknown> {
  const server = createServer((request, response) => response.writeHead(request.url === '/healthz' ? answer : 404).end());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const [node, ...words] = JSON.parse(saidLast('HEALTHCHECK').replace(/^.*? CMD /, '')) as string[];
  expect(node).toBe('node');
  const child = spawn(process.execPath, words, { env: { PORT: String(port) }, stdio: 'ignore' });
  const [code] = (await once(child, 'exit')) as unknown[];
  server.close();
  return code;
}

test('the image is well when the service says so', async () => {
  expect(await askHealth(200)).toBe(0);
  expect(await askHealth(503)).toBe(1);
});

test('what is copied into the image exists and is let through', () => {
  const ignore = textOf('.dockerignore').split('\n');
  expect(ignore).toContain('*');
  const through = ignore.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
  const copied = instructions
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from'))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1));
  expect([...new Set(copied)].toSorted()).toEqual(through.toSorted());
  const kept = pathsBelow('');
  expect(through.filter((path) => !kept.some((file) => file === path || file.startsWith(`${path}/`)))).toEqual([]);
  expect(through.filter((path) => path.startsWith('.env'))).toEqual([]);
});
