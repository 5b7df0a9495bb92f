# The program in an image: api, worker, migrate and serve are its commands. It needs DATABASE_URL, since it brings no PostgreSQL of its own.

FROM node:24-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Nothing of development, none of the optional binaries (PostgreSQL's among them), and no script of any package: Node 24 reads TypeScript.
RUN npm ci --omit=dev --omit=optional --ignore-scripts

FROM node:24-slim AS desk
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# The desk and the promoter's page are built with the packages of development, of which the last stage has none.
RUN npm ci --include=dev --ignore-scripts
COPY client ./client
COPY src ./src
RUN node src/console/build.mjs && node src/me/build.mjs

FROM node:24-slim
WORKDIR /app
COPY --from=packages /app/node_modules ./node_modules
# Without the lockfile the program takes the packages as they are: a container never installs any.
COPY package.json LICENSE ./
COPY migrations ./migrations
COPY client ./client
COPY src ./src
COPY --from=desk /app/dist ./dist

# Clicks that come while the database is away wait here, and `serve` keeps here the secrets that nobody gave. All else stands in the database.
RUN mkdir /data && chown node:node /data
VOLUME /data
ENV HOST=0.0.0.0 PORT=3000 DATA_DIR=/data

# The code is root's: the process can read it and not change it.
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]

# Node itself and not npm, so that SIGTERM arrives.
CMD ["node", "src/start.mjs", "serve"]
