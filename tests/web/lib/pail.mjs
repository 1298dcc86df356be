// SPDX-License-Identifier: Apache-2.0
// One real server with a data folder of its own, on free ports of this machine.
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, closeSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from './s3.mjs';

export const ROOT = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const BUILD = process.env.PAIL_BUILD ?? join(ROOT, 'build');
export const TEST_DIR = join(BUILD, 'test');
export const BINARY = process.env.PAIL_BINARY ?? join(BUILD, 'release', 'pail');
export const ROOT_USER = { accessKeyId: 'PAILTESTROOTUSER0001', secretAccessKey: 'pail-test+secret/key-0123456789abcdefghij' };
const START_SECONDS = 20;
const STOP_SECONDS = 30;
const running = new Set();
// Whoever ends the suite ends its servers.
process.on('exit', () => running.forEach((p) => p.discard()));

/** Not of those that the system gives to connections: one of them could have it while a server is down that is to start again. */
async function freePort(taken = 0) {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    const free = await new Promise((done) => {
      const server = createServer().once('error', () => done(false));
      server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
    });
    if (free && port !== taken) return port;
  }
}

export class Pail {
  constructor(name, { args = [], env = {} } = {}) {
    mkdirSync(TEST_DIR, { recursive: true });
    Object.assign(this, { name, args, env, port: 0, consolePort: 0, process: null });
    this.data = mkdtempSync(join(TEST_DIR, `data-${name}-`));
    this.logPath = `${this.data}.log`;
  }

  /** The second start takes the same ports as the first. */
  async start() {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([n]) => !/^(MINIO|PAIL)_/.test(n)));
    Object.assign(environment, { PAIL_ROOT_USER: ROOT_USER.accessKeyId, PAIL_ROOT_PASSWORD: ROOT_USER.secretAccessKey }, this.env);
    this.port ||= await freePort();
    this.consolePort ||= await freePort(this.port);
    const log = openSync(this.logPath, 'w');
    const addresses = ['--address', `127.0.0.1:${this.port}`, '--console-address', `127.0.0.1:${this.consolePort}`];
    this.process = spawn(BINARY, ['server', this.data, ...addresses, ...this.args], { stdio: ['ignore', log, log], env: environment });
    closeSync(log);
    running.add(this);
    this.ended = new Promise((done) => this.process.once('exit', (code, signal) => done(code ?? signal)));
    for (const end = Date.now() + START_SECONDS * 1000; Date.now() < end; await sleep(10)) {
      const text = this.log();
      const found = /S3 endpoint:\s+http:\/\/\S+:(\d+)/.exec(text);
      if (found) {
        this.port = Number(found[1]);
        this.consolePort = Number(/Console:\s+https?:\/\/\S+:(\d+)\//.exec(text)?.[1] ?? 0);
        this.endpoint = `http://127.0.0.1:${this.port}`;
        this.console = this.consolePort ? `http://127.0.0.1:${this.consolePort}` : null;
        this.root = new Client(this.endpoint, ROOT_USER);
        return this;
      }
      if (this.process.exitCode !== null) throw new Error(`the server ended with code ${this.process.exitCode}:\n${text}`);
    }
    throw new Error(`the server named no endpoint within ${START_SECONDS} s:\n${this.log()}`);
  }

  log() {
    return readFileSync(this.logPath, 'utf8').slice(-6000);
  }

  /** SIGKILL, as a failing machine would. */
  async kill() {
    this.process.kill('SIGKILL');
    await this.ended;
    running.delete(this);
  }

  /** SIGTERM: it must end in time and with code 0. */
  async stop() {
    this.process.kill('SIGTERM');
    const code = await Promise.race([this.ended, sleep(STOP_SECONDS * 1000, 'no end', { ref: false })]);
    this.discard();
    if (code !== 0) throw new Error(`the server stopped with ${code}:\n${this.log()}`);
  }

  discard() {
    if (this.process?.exitCode === null) this.process.kill('SIGKILL');
    running.delete(this);
    rmSync(this.data, { recursive: true, force: true, maxRetries: 3 });
    rmSync(this.logPath, { force: true });
  }

  /** A client of somebody else. */
  as(credentials) {
    return new Client(this.endpoint, credentials);
  }

  /** A user with statements of a policy; answers its name and key. */
  async user(name, ...statements) {
    await this.root.iam('CreateUser', { UserName: name });
    if (statements.length > 0) await this.root.iam('PutUserPolicy', { UserName: name, PolicyName: 'given', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }) });
    const key = await this.root.iam('CreateAccessKey', { UserName: name });
    return { name, accessKeyId: key.value('AccessKeyId'), secretAccessKey: key.value('SecretAccessKey') };
  }

  async bucket(name, objects = {}) {
    await this.root.put(`/${name}`);
    for (const [key, body] of Object.entries(objects)) await this.root.putObject(name, key, body);
    return name;
  }
}

export const allow = (Action, Resource = '*', more = {}) => ({ Effect: 'Allow', Action, Resource, ...more });
export const deny = (Action, Resource = '*', more = {}) => ({ Effect: 'Deny', Action, Resource, ...more });
