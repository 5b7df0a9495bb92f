// The OpenAPI 3.1 document, made from the very schemas that the routes validate with, and a page to read it.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPI } from 'openapi-types';
import { z } from 'zod';

import type { App } from './app.ts';
import { stringifyJson } from './json.ts';

declare module 'fastify' {
  interface FastifySchema {
    hide?: boolean;
  }
}

/** What the document calls the API key in Authorization. */
export const SECURITY_SCHEME = 'key';

const DOCUMENTATION = '/documentation';

const DOCUMENTATION_CSP = {
  'default-src': "'self'",
  'img-src': "'self' data:",
  'style-src': "'self' 'unsafe-inline'",
  'object-src': "'none'",
  'base-uri': "'none'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
};

interface OpenApiOptions {
  version: string;
  tags?: { name: string; description: string }[];
}

/** Collects the routes registered after it. */
export async function collectOpenApi(app: App, { version, tags }: OpenApiOptions): Promise<void> {
  const zodToJsonConfig = { override: describe };
  const addComponents = createJsonSchemaTransformObject({ zodToJsonConfig });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Fenyong',
        version,
        description: 'Commission attribution for social commerce.',
        license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      },
      servers: [{ url: '/' }],
      ...(tags === undefined ? {} : { tags }),
      components: {
        securitySchemes: { [SECURITY_SCHEME]: { type: 'http', scheme: 'bearer', description: 'An API key, as POST /v1/keys made it.' } },
      },
    },
    transform: createJsonSchemaTransform({ zodToJsonConfig }),
    transformObject: (document) => pruned(addComponents(document)),
  });
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** Serves GET /openapi.json and the page at /documentation. The document is written once: whoever asks for it costs its bytes alone. */
export async function serveOpenApi(app: App): Promise<void> {
  let text = Buffer.alloc(0);
  app.addHook('onReady', async () => {
    text = Buffer.from(stringifyJson(openApiDocument(app)));
  });
  await app.register(swaggerUi, {
    routePrefix: DOCUMENTATION,
    staticCSP: DOCUMENTATION_CSP,
    uiHooks: {
      // The page reads the document from an address of its own.
      preHandler: (request, reply, done) => {
        if (request.routeOptions.url === `${DOCUMENTATION}/json`) reply.type(JSON_TYPE).send(text);
        else done();
      },
    },
  });
  app.get('/openapi.json', { schema: { hide: true } }, async (_request, reply) => reply.type(JSON_TYPE).send(text));
}

/** The document of a server that is ready. */
export function openApiDocument(app: App): OpenAPI.Document {
  return app.swagger();
}

/**
 * The document without the component schemas that nothing refers to: the provider writes each of them twice, as it is sent (`…Input`) and
 * as it is answered. A component may be referred to by an unused one only, hence the rounds.
 */
function pruned<Document extends object>(document: Document): Document {
  if (!('components' in document)) return document;
  const { components } = document;
  if (typeof components !== 'object' || components === null || !('schemas' in components)) return document;
  const text = JSON.stringify(document);
  const used = Object.entries(components.schemas ?? {}).filter(([name]) => text.includes(`"#/components/schemas/${name}"`));
  const next = { ...document, components: { ...components, schemas: Object.fromEntries(used) } };
  return used.length === Object.keys(components.schemas ?? {}).length ? next : pruned(next);
}

interface Described {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}

/** What zod cannot say in JSON Schema, or says at length: dates and bigints as sent, no bounds of doubles, no pattern of formats. */
function describe({ zodSchema, jsonSchema }: Described): void {
  if (zodSchema instanceof z.ZodDate) Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  if (zodSchema instanceof z.ZodBigInt) Object.assign(jsonSchema, { type: 'integer', format: 'int64' });
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
}
