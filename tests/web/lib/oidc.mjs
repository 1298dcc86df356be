// SPDX-License-Identifier: Apache-2.0
// A stand-in for an OpenID Connect provider: keys, discovery, and a page where somebody says who he is. It holds the console to what
// providers demand: its client, a redirect address that is registered to the letter, a scope with openid, a state and a nonce.
import { createSign, generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

const code = (data) => Buffer.from(data).toString('base64url');
const html = (text) => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

export class Provider {
  /** `people`: names, with the claims of each. */
  constructor({ client = 'console', people = {} } = {}) {
    Object.assign(this, { client, people, redirects: [], refused: [] });
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = privateKey;
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'ES256' };
  }

  async start() {
    this.server = createServer((ask, reply) => this.reply(new URL(ask.url, this.url), reply));
    await new Promise((done) => this.server.listen(0, '127.0.0.1', done));
    this.url = `http://127.0.0.1:${this.server.address().port}/realms/one`;
    return this;
  }

  discard() {
    this.server.closeAllConnections?.();
    this.server.close();
  }

  token(claims) {
    const now = Math.floor(Date.now() / 1000);
    const text = [{ alg: 'ES256', typ: 'JWT', kid: 'one' }, { iss: this.url, aud: this.client, iat: now, exp: now + 600, ...claims }].map((part) => code(JSON.stringify(part))).join('.');
    return `${text}.${code(createSign('SHA256').update(text).sign({ key: this.key, dsaEncoding: 'ieee-p1363' }))}`;
  }

  reply(url, reply) {
    const path = url.href.slice(this.url.length).split('?')[0];
    const json = (body) => reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === '/.well-known/openid-configuration') return json({ issuer: this.url, jwks_uri: `${this.url}/keys`, authorization_endpoint: `${this.url}/authorize` });
    if (path === '/keys') return json({ keys: [this.jwk] });
    if (path === '/authorize') return this.authorize(url.searchParams, reply);
    reply.writeHead(404).end();
  }

  wrong(q) {
    if (q.get('client_id') !== this.client) return 'an unknown client';
    if (!this.redirects.includes(q.get('redirect_uri'))) return `an address that is not registered: ${q.get('redirect_uri')}`;
    if (q.get('response_type') !== 'id_token' || q.get('response_mode') !== 'fragment') return `a flow that is not offered: ${q.get('response_type')}`;
    if (!q.get('scope')?.split(' ').includes('openid')) return 'no scope openid';
    return q.get('state') && q.get('nonce') ? null : 'no state or no nonce';
  }

  authorize(q, reply) {
    const wrong = this.wrong(q);
    if (wrong) {
      this.refused.push(wrong);
      return reply.writeHead(400, { 'content-type': 'text/plain' }).end(wrong);
    }
    const back = (more) => html(`${q.get('redirect_uri')}#${new URLSearchParams({ state: q.get('state'), ...more })}`);
    const links = Object.entries(this.people).map(([sub, claims]) => `<li><a href="${back({ id_token: this.token({ sub, nonce: q.get('nonce'), ...claims }) })}">I am ${html(sub)}</a>`);
    const no = back({ error: 'access_denied', error_description: 'You changed your mind.' });
    reply.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><link rel="icon" href="data:,"><title>Provider</title><h1>Who are you?</h1><ul>${links.join('')}<li><a href="${no}">Never mind</a></ul>`);
  }
}
