// The OpenAPI 3.1 document, made from the very schemas that the routes validate with, and a page to
// read it. What a route does not say of itself because it holds for many (who may call it, retries,
// refusals, headers) is added by openapi-operations.ts.

import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import type { OpenAPI, OpenAPIV3_1 } from 'openapi-types';
import { z } from 'zod';

import type { App } from './app.ts';
import { stringifyJson } from './json.ts';
import { completeDocument, describeRoute, SECURITY_SCHEMES, type PropertyWords } from './openapi-operations.ts';

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

/** The page is ours: none of the bar and the icon of the program that draws it. */
const PAGE_CSS = '.swagger-ui .topbar, .swagger-ui .info hgroup .version-stamp { display: none; }';
const PAGE_ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#b5372b"/>' +
  '<path d="M8 23 16 7l8 16M11 18h10" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round" stroke-linejoin="round"/></svg>';

/** What the document says beside its routes. */
export interface OpenApiOptions {
  version: string;
  title?: string;
  /** Markdown, ahead of the reference. */
  description?: string;
  tags?: { name: string; description: string }[];
  /** What properties and parameters mean that say nothing of their own, by their names. */
  words?: PropertyWords;
  /** What stands in the place of a parameter of a path in examples, by its name. */
  pathExamples?: Readonly<Record<string, string>>;
}

const NAME = 'Fenyong';

/** Collects the routes registered after it. */
export async function collectOpenApi(app: App, options: OpenApiOptions): Promise<void> {
  const {
    version,
    title = NAME,
    description = 'Commission attribution for social commerce.',
    tags,
    words = {},
    pathExamples = {},
  } = options;
  const zodToJsonConfig = { override: describe };
  const addComponents = createJsonSchemaTransformObject({ zodToJsonConfig });
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title,
        version,
        description,
        contact: { name: 'Whoever runs this installation' },
        license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
      },
      servers: [{ url: '/' }],
      ...(tags === undefined ? {} : { tags }),
      components: {
        securitySchemes: SECURITY_SCHEMES,
      },
    },
    transform: describeRoute(createJsonSchemaTransform({ zodToJsonConfig })),
    transformObject: (document) => pruned(completeDocument(addComponents(document) as OpenAPIV3_1.Document, { words, pathExamples })),
  });
}

const JSON_TYPE = 'application/json; charset=utf-8';

/**
 * Serves GET /openapi.json and the page at /documentation. The document is written once: whoever
 * asks for it costs its bytes alone.
 */
export async function serveOpenApi(app: App): Promise<void> {
  let text = Buffer.alloc(0);
  app.addHook('onReady', async () => {
    text = Buffer.from(stringifyJson(openApiDocument(app)));
  });
  await app.register(swaggerUi, {
    routePrefix: DOCUMENTATION,
    staticCSP: DOCUMENTATION_CSP,
    uiConfig: { layout: 'BaseLayout', deepLinking: true, docExpansion: 'none', tryItOutEnabled: false },
    theme: {
      title: `${NAME} API`,
      css: [{ filename: 'page.css', content: PAGE_CSS }],
      favicon: [{ filename: 'icon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: PAGE_ICON }],
    },
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
 * The document without the components that nothing refers to: the provider writes each schema
 * twice, as it is sent (`…Input`) and as it is answered. A component may be referred to by an
 * unused one only, hence the rounds.
 */
function pruned(document: OpenAPIV3_1.Document): OpenAPIV3_1.Document {
  const text = JSON.stringify(document);
  const kept = (kind: string, entries: object | undefined) =>
    Object.entries(entries ?? {}).filter(([name]) => kind === 'securitySchemes' || text.includes(`"#/components/${kind}/${name}"`));
  const before = Object.entries(document.components ?? {});
  const components = Object.fromEntries(before.map(([kind, entries]) => [kind, Object.fromEntries(kept(kind, entries))]));
  const isAll = before.every(([kind, entries]) => Object.keys(entries ?? {}).length === Object.keys(components[kind]!).length);
  return isAll ? document : pruned({ ...document, components });
}

interface Described {
  zodSchema: z.core.$ZodTypes;
  jsonSchema: z.core.JSONSchema.BaseSchema;
}

/**
 * Control characters as a range: not every reader of patterns knows classes of Unicode. Lone
 * surrogates are no text of JSON anyway.
 */
const CONTROL = '\\u0000-\\u001f\\u007f-\\u009f';

/**
 * What zod cannot say in JSON Schema, or says at length: dates and bigints as sent, no bounds of
 * doubles, no pattern of formats. A union whose `meta` says that it is text is shown as the text,
 * its first form.
 */
function describe({ zodSchema, jsonSchema }: Described): void {
  if (zodSchema instanceof z.ZodDate) Object.assign(jsonSchema, { type: 'string', format: 'date-time' });
  if (zodSchema instanceof z.ZodBigInt) Object.assign(jsonSchema, { type: 'integer', format: 'int64' });
  if (zodSchema instanceof z.ZodUndefined) jsonSchema.type = 'null';
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.type === 'string' && jsonSchema.anyOf !== undefined) {
    const [text] = jsonSchema.anyOf;
    delete jsonSchema.anyOf;
    Object.assign(jsonSchema, text);
  }
  if (jsonSchema.format !== undefined) delete jsonSchema.pattern;
  if (jsonSchema.pattern !== undefined) {
    jsonSchema.pattern = jsonSchema.pattern.replaceAll('\\P{Cc}', `[^${CONTROL}]`).replaceAll('\\p{Cc}', CONTROL).replaceAll('\\p{Cs}', '');
  }
}
