// SPDX-License-Identifier: Apache-2.0
// A reverse proxy below a path: what comes for /some/where/ goes to the console as it is; anything else is refused.
import { createServer, request } from 'node:http';

export function prefixProxy(target, prefix) {
  const strange = [];
  const server = createServer((from, to) => {
    if (!from.url.startsWith(prefix)) {
      strange.push(from.url);
      to.writeHead(404).end();
      return;
    }
    const out = request(new URL(target).origin, { method: from.method, path: from.url, headers: from.headers, host: '127.0.0.1', port: new URL(target).port }, (reply) => {
      to.writeHead(reply.statusCode, reply.headers);
      reply.pipe(to);
    });
    out.on('error', () => to.destroy());
    from.pipe(out);
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done({ address: `http://127.0.0.1:${server.address().port}`, strange, close: () => server.close() })));
}
