// The bare twin of the redirect: the same HTTP work, byte for byte about as much, and nothing
// behind it.

import { fastify } from 'fastify';

/** As long as a token or the value of a cookie. */
const FILLER = 'x'.repeat(64);

const app = fastify();
app.get('/r/:code', (request, reply) => {
  const { code } = request.params as { code: string };
  return reply
    .code(302)
    .header('x-request-id', request.id)
    .header('set-cookie', `fy_vid=${FILLER}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax`)
    .header('location', `https://shop.example.com/p/1?fy_click=${FILLER}${code}`)
    .header('cache-control', 'no-store')
    .header('referrer-policy', 'origin')
    .header('x-robots-tag', 'noindex')
    .send();
});
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.on('SIGTERM', () => process.exit(0));
