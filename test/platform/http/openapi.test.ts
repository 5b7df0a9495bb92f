import { expect, test } from 'vitest';
import { z } from 'zod';

import { collectOpenApi, openApiDocument, serveOpenApi } from '../../../src/platform/http/openapi.ts';
import { problems } from '../../../src/platform/http/problem.ts';
import { buildHttp } from '../furnished.ts';

const line = z.object({ amount: z.bigint(), at: z.date().nullable(), quantity: z.int(), mail: z.email() }).meta({ id: 'TestLine' });
const order = z.object({ lines: z.array(line), extra: z.record(z.string(), z.unknown()) }).meta({ id: 'TestOrder' });

async function build() {
  const app = buildHttp();
  await collectOpenApi(app, { version: '1.2.3' });
  await serveOpenApi(app);
  app.get('/orders/:id', {
    schema: {
      summary: 'One order',
      params: z.object({ id: z.string() }),
      response: { 200: order, ...problems('not_found', 'too_many_requests') },
    },
    handler: () => Promise.reject(new Error('not called')),
  });
  return app;
}

test('the document is made from the schemas of the routes, in OpenAPI 3.1, and nothing in it dangles or is left over', async () => {
  const app = await build();
  const answer = await app.inject('/openapi.json');
  const document = answer.json();
  expect(document).toMatchObject({
    openapi: '3.1.0',
    info: { version: '1.2.3' },
    components: { securitySchemes: { key: { scheme: 'bearer' } } },
  });
  const route = document.paths['/orders/{id}'].get;
  expect(route.responses['200'].content['application/json'].schema).toEqual({ $ref: '#/components/schemas/TestOrder' });
  expect(route.responses['404']).toEqual({ $ref: '#/components/responses/NotFound' });
  const text = JSON.stringify(document);
  for (const kind of ['schemas', 'responses', 'headers', 'examples', 'parameters']) {
    const referred = text.matchAll(new RegExp(`"\\$ref":"#/components/${kind}/(\\w+)"`, 'g'));
    expect(new Set(Object.keys(document.components[kind] ?? {}))).toEqual(new Set([...referred].map(([, name]) => name)));
  }
  expect(document).toEqual(openApiDocument(app));
  await app.close();
});

test('the document is written once, for whoever asks and however often', async () => {
  const app = await build();
  await app.ready();
  let made = 0;
  const swagger = app.swagger.bind(app);
  app.swagger = ((...given: []) => {
    made += 1;
    return swagger(...given);
  }) as typeof app.swagger;
  for (const url of ['/openapi.json', '/documentation/json', '/openapi.json']) {
    const { headers, body } = await app.inject(url);
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(body).toBe(JSON.stringify(swagger()));
  }
  expect(made).toBe(0);
  await app.close();
});

test('amounts, times and formats are said as they are on the wire', async () => {
  const app = await build();
  const { properties } = (await app.inject('/openapi.json')).json().components.schemas.TestLine;
  expect(properties.amount).toEqual({ type: 'integer', format: 'int64' });
  expect(properties.at).toEqual({ anyOf: [{ type: 'string', format: 'date-time' }, { type: 'null' }] });
  expect(properties.quantity).toEqual({ type: 'integer' });
  expect(properties.mail).toEqual({ type: 'string', format: 'email' });
  await app.close();
});

test('the page to read it is ours: our name and icon, and nothing of the program that draws it', async () => {
  const app = await build();
  const { body } = await app.inject('/documentation/');
  expect(body).toContain('<title>Fenyong API</title>');
  expect(body).not.toMatch(/favicon-\d+x\d+|Swagger UI/);
  const assets = [...body.matchAll(/href="\.?(\/documentation)?\/?(static\/theme\/[^"]+)"/g)].map(([, , path]) => `/documentation/${path}`);
  expect(assets.length).toBe(2);
  for (const url of assets) expect((await app.inject(url)).statusCode).toBe(200);
  const start = (await app.inject('/documentation/static/swagger-initializer.js')).body;
  expect(start).toContain('"layout":"BaseLayout"');
  await app.close();
});

test('the page to read it has a policy of its own, all else the strict one', async () => {
  const app = await build();
  const page = await app.inject('/documentation/');
  expect(page.statusCode).toBe(200);
  expect(page.headers['content-security-policy']).toContain("style-src 'self' 'unsafe-inline'");
  expect((await app.inject('/documentation/json')).json().paths).toHaveProperty('/orders/{id}');
  expect((await app.inject('/openapi.json')).headers['content-security-policy']).not.toContain('unsafe');
  await app.close();
});
