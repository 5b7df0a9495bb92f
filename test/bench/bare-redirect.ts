// The bare twin of the redirect: the same HTTP work, and nothing behind it.

import { fastify } from 'fastify';

const app = fastify();
app.get('/r/:code', (request, reply) => {
  const { code } = request.params as { code: string };
  return reply.code(302).header('location', `https://shop.example.com/p/1?fy_click=${code}`).header('cache-control', 'no-store').send();
});
await app.listen({ port: 0, host: '127.0.0.1' });
const address = app.server.address();
process.stdout.write(`${typeof address === 'object' ? address?.port : ''}\n`);
process.on('SIGTERM', () => process.exit(0));
