// The bare twin of the webhook: the body is verified and parsed, and nothing is kept.

import { createHmac, timingSafeEqual } from 'node:crypto';

import { fastify } from 'fastify';

const secret = Buffer.from(process.env['BENCH_SECRET'] ?? '', 'base64');
const app = fastify();
app.removeAllContentTypeParsers();
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
app.post('/webhooks/:source', (request, reply) => {
  const { headers } = request;
  const body = request.body as Buffer;
  const mac = createHmac('sha256', secret)
    .update(`${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.`)
    .update(body)
    .digest();
  const sent = Buffer.from(String(headers['webhook-signature']).slice(3), 'base64');
  const report: unknown = JSON.parse(body.toString());
  const believed = sent.length === mac.length && timingSafeEqual(sent, mac) && typeof report === 'object';
  return reply.code(believed ? 200 : 401).send({ received: believed });
});
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.on('SIGTERM', () => process.exit(0));
