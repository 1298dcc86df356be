// SPDX-License-Identifier: Apache-2.0
// A small client of the server's APIs on Node's own modules: it signs (SigV4), sends once and hides nothing. What a page has set is
// looked at through it, so it shares no code with the console.
import { createHash, createHmac } from 'node:crypto';
import { Agent, request as send } from 'node:http';

const hash = (data) => createHash('sha256').update(data).digest('hex');
const hmac = (key, data) => createHmac('sha256', key).update(data).digest();
const encode = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
export const pathOf = (bucket, key) => `/${encode(bucket)}${key === undefined ? '' : `/${key.split('/').map(encode).join('/')}`}`;
const unescape = (text) => text.replace(/&(lt|gt|quot|apos|amp|#\d+|#x[0-9a-fA-F]+);/g, (_, n) => ({ lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' })[n] ?? String.fromCodePoint(Number(n.replace('#x', '0x').replace('#', ''))));

export class Reply {
  constructor(status, headers, body) {
    Object.assign(this, { status, headers, body });
  }
  get text() {
    return this.body.toString('utf8');
  }
  get json() {
    return JSON.parse(this.text);
  }
  get ok() {
    return this.status >= 200 && this.status < 300;
  }
  values(tag) {
    return [...this.text.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map((m) => unescape(m[1]));
  }
  value(tag) {
    return this.values(tag)[0];
  }
}

export class Client {
  constructor(endpoint, { accessKeyId, secretAccessKey, sessionToken }, region = 'us-east-1') {
    Object.assign(this, { endpoint, accessKeyId, secretAccessKey, sessionToken, region });
    this.host = new URL(endpoint).host;
    this.agent = new Agent({ keepAlive: true, maxSockets: 16 });
  }

  sign(method, path, query, headers, payload, service) {
    const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const signed = { ...headers, host: this.host, 'x-amz-date': stamp, 'x-amz-content-sha256': payload, ...(this.sessionToken ? { 'x-amz-security-token': this.sessionToken } : {}) };
    const names = Object.keys(signed).sort();
    const canonical = [method, path, query, ...names.map((n) => `${n}:${String(signed[n]).trim().replace(/\s+/g, ' ')}`), '', names.join(';'), payload].join('\n');
    const scope = `${stamp.slice(0, 8)}/${this.region}/${service}/aws4_request`;
    const key = [stamp.slice(0, 8), this.region, service, 'aws4_request'].reduce((k, part) => hmac(k, part), `AWS4${this.secretAccessKey}`);
    const signature = createHmac('sha256', key).update(['AWS4-HMAC-SHA256', stamp, scope, hash(canonical)].join('\n')).digest('hex');
    return { ...signed, authorization: `AWS4-HMAC-SHA256 Credential=${this.accessKeyId}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}` };
  }

  /** `path` is encoded already; header names are in lower case; a reply of any status is given back. */
  ask(method, path, { query = {}, body = '', headers = {}, service = 's3', hashOf = false } = {}) {
    const data = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    const text = Object.entries(query).map(([n, v]) => [encode(n), encode(String(v))]).sort((a, b) => (a[0] < b[0] ? -1 : 1)).map((p) => p.join('=')).join('&');
    const digest = data.length > 0 && service === 's3' ? { 'content-md5': createHash('md5').update(data).digest('base64') } : {};
    const signed = this.sign(method, path, text, { ...digest, ...headers }, hash(data), service);
    return new Promise((resolve, reject) => {
      const out = send({ host: '127.0.0.1', port: new URL(this.endpoint).port, path: path + (text ? `?${text}` : ''), method, headers: { ...signed, 'content-length': data.length }, agent: this.agent }, (reply) => {
        const parts = [];
        const digest = createHash('sha256');
        reply.on('data', (part) => (hashOf ? digest.update(part) : parts.push(part)));
        reply.on('error', reject);
        reply.on('end', () => resolve(Object.assign(new Reply(reply.statusCode, reply.headers, Buffer.concat(parts)), hashOf ? { sha256: digest.digest('hex') } : {})));
      });
      out.on('error', reject);
      out.end(data);
    });
  }

  async must(method, path, options) {
    const reply = await this.ask(method, path, options);
    if (!reply.ok) throw new Error(`${method} ${path} ${JSON.stringify(options?.query ?? {})}: ${reply.status} ${reply.text.slice(0, 400)}`);
    return reply;
  }
  get(path, query) {
    return this.must('GET', path, { query });
  }
  put(path, query, body, headers) {
    return this.must('PUT', path, { query, body, headers });
  }
  putObject(bucket, key, body, headers) {
    return this.must('PUT', pathOf(bucket, key), { body, headers });
  }
  getObject(bucket, key, query) {
    return this.ask('GET', pathOf(bucket, key), { query });
  }
  /** All keys, or versions, of a bucket. */
  async keys(bucket, prefix = '') {
    return (await this.get(pathOf(bucket), { 'list-type': 2, prefix })).values('Key');
  }
  /** The query protocol: iam('CreateUser', { UserName: 'x' }). */
  iam(action, parameters = {}, service = 'iam') {
    const body = new URLSearchParams({ Action: action, Version: service === 'iam' ? '2010-05-08' : '2011-06-15', ...parameters }).toString();
    return this.must('POST', '/', { body, headers: { 'content-type': 'application/x-www-form-urlencoded' }, service });
  }
  /** What the console's sign-in does: temporary credentials of the same principal. */
  async session(seconds = 3600) {
    const reply = await this.iam('AssumeRole', { DurationSeconds: seconds }, 'sts');
    return { accessKeyId: reply.value('AccessKeyId'), secretAccessKey: reply.value('SecretAccessKey'), sessionToken: reply.value('SessionToken'), expiration: Date.parse(reply.value('Expiration')) };
  }
}
