// SPDX-License-Identifier: Apache-2.0
// A stand-in for an OpenID Connect provider: keys, discovery, a page where somebody says who he is, and the exchange of codes. It holds
// the console to what providers demand: its client, a redirect address that is registered to the letter, a scope with openid, a state
// and a nonce, and with codes a challenge that the verifier answers.
import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';

const code = (data) => Buffer.from(data).toString('base64url');
const html = (text) => text.replace(/[<>&"]/g, (c) => `&#${c.charCodeAt(0)};`);

export class Provider {
  /** `people`: names, with the claims of each. `flow`: 'id_token', or 'code' with its mode: 'query' or 'fragment'. */
  constructor({ client = 'console', people = {}, flow = 'id_token', mode = 'fragment' } = {}) {
    Object.assign(this, { client, people, flow, mode, redirects: [], refused: [], codes: new Map() });
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.key = privateKey;
    this.jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'ES256' };
  }

  async start() {
    this.server = createServer(async (ask, reply) => {
      let body = '';
      for await (const chunk of ask) body += chunk;
      this.reply(new URL(ask.url, this.url), reply, ask.method === 'POST' ? new URLSearchParams(body) : null);
    });
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

  reply(url, reply, form) {
    const path = url.href.slice(this.url.length).split('?')[0];
    const json = (body, status = 200) => reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const coded = this.flow === 'code' && { token_endpoint: `${this.url}/token`, response_types_supported: ['code'], code_challenge_methods_supported: ['S256'], response_modes_supported: ['query', this.mode] };
    if (path === '/.well-known/openid-configuration') return json({ issuer: this.url, jwks_uri: `${this.url}/keys`, authorization_endpoint: `${this.url}/authorize`, ...coded });
    if (path === '/token' && form) {
      const token = this.exchange(form);
      return token ? json({ access_token: 'theirs', token_type: 'Bearer', id_token: token }) : json({ error: 'invalid_grant', error_description: 'That code is no good.' }, 400);
    }
    if (path === '/keys') return json({ keys: [this.jwk] });
    if (path === '/authorize') return this.authorize(url.searchParams, reply);
    reply.writeHead(404).end();
  }

  wrong(q) {
    if (q.get('client_id') !== this.client) return 'an unknown client';
    if (!this.redirects.includes(q.get('redirect_uri'))) return `an address that is not registered: ${q.get('redirect_uri')}`;
    if (q.get('response_type') !== this.flow || (q.get('response_mode') ?? 'query') !== this.mode) return `a flow that is not offered: ${q.get('response_type')}, ${q.get('response_mode')}`;
    if (this.flow === 'code' && (q.get('code_challenge')?.length !== 43 || q.get('code_challenge_method') !== 'S256')) return 'no challenge';
    if (!q.get('scope')?.split(' ').includes('openid')) return 'no scope openid';
    return q.get('state') && q.get('nonce') ? null : 'no state or no nonce';
  }

  /** The id token for a code, once. */
  exchange(form) {
    const known = this.codes.get(form.get('code'));
    this.codes.delete(form.get('code'));
    const wrong = !known || form.get('grant_type') !== 'authorization_code' || ['client_id', 'redirect_uri'].some((n) => form.get(n) !== known.q.get(n)) || createHash('sha256').update(form.get('code_verifier')).digest('base64url') !== known.q.get('code_challenge');
    if (wrong) this.refused.push('a code that is no good');
    return wrong ? null : known.token;
  }

  given(q, token) {
    if (this.flow !== 'code') return { id_token: token };
    const made = randomBytes(16).toString('hex');
    this.codes.set(made, { q, token });
    return { code: made, iss: this.url };
  }

  authorize(q, reply) {
    const wrong = this.wrong(q);
    if (wrong) {
      this.refused.push(wrong);
      return reply.writeHead(400, { 'content-type': 'text/plain' }).end(wrong);
    }
    const back = (more) => html(`${q.get('redirect_uri')}${this.mode === 'query' ? '?' : '#'}${new URLSearchParams({ state: q.get('state'), ...more })}`);
    const links = Object.entries(this.people).map(([sub, claims]) => `<li><a href="${back(this.given(q, this.token({ sub, nonce: q.get('nonce'), ...claims })))}">I am ${html(sub)}</a>`);
    const no = back({ error: 'access_denied', error_description: 'You changed your mind.' });
    reply.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><link rel="icon" href="data:,"><title>Provider</title><h1>Who are you?</h1><ul>${links.join('')}<li><a href="${no}">Never mind</a></ul>`);
  }
}
