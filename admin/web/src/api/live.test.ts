// SPDX-License-Identifier: Apache-2.0
/*
 * The calls against a real server: PAIL_ENDPOINT=http://127.0.0.1:9000 (S3's port), PAIL_ACCESS_KEY and PAIL_SECRET_KEY
 * of its root. Left out when there is none.
 */
import { Blob as NodeBlob } from 'node:buffer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as iam from './iam';
import { ApiError, Client } from './http';
import * as s3 from './s3';
import { objectPath, presign, signForm, type Credentials } from './sign';
import * as sts from './sts';
import { getBucketQuota, setBucketQuota } from './admin';
import { getStatus, listBucketStatus } from './pail';

const endpoint = process.env.PAIL_ENDPOINT;
const key: Credentials = {
  accessKeyId: process.env.PAIL_ACCESS_KEY ?? 'minioadmin',
  secretAccessKey: process.env.PAIL_SECRET_KEY ?? 'minioadmin',
};

describe.skipIf(!endpoint)('a real server', () => {
  const bucket = `console-${Date.now().toString(36)}`;
  let current: Credentials = key;
  const c = new Client({
    base: endpoint ?? 'http://127.0.0.1:9000',
    region: 'us-east-1',
    store: { getCredentials: () => current, onExpired: () => Promise.resolve(undefined) },
  });

  beforeAll(async () => {
    // jsdom's own is unknown to Node's fetch.
    globalThis.Blob = NodeBlob as unknown as typeof Blob;
    current = (await sts.assumeRole(c, key, { durationSeconds: 900 })).credentials;
    expect(current.sessionToken).toBeTruthy();
    await s3.createBucket(c, bucket, { objectLock: true });
  });

  afterAll(async () => {
    const page = await s3.listObjectVersions(c, bucket);
    await s3.deleteObjects(c, bucket, page.versions, { bypass: true });
    for (const u of (await s3.listMultipartUploads(c, bucket)).uploads)
      await s3.abortMultipartUpload(c, { bucket, key: u.key }, u.uploadId);
    await s3.deleteBucket(c, bucket);
  });

  const keys = ['plain', '..', '../x', 'a/../b', 'a//b', './c', 'a b+c%20d', 'q?x=1#y', 'ünï/日本/🎉', 'c\u0001\u007f\n\r\t', '<script>&amp;', "!'()*~", 'back\\slash', ' '];

  it.each(keys)('the key %j: written, listed, read, shared, copied, deleted', async (name) => {
    const ref = { bucket, key: `k/${name}` };
    await s3.putObject(c, ref, name, { contentType: 'text/plain', metadata: { note: 'ü & "x"' }, tags: { 'a b': 'ü=/@' } });
    expect((await s3.listObjectsV2(c, bucket, { prefix: ref.key })).objects.map((o) => o.key)).toContain(ref.key);
    const head = await s3.headObject(c, ref);
    expect(head.metadata.note).toBe('ü & "x"');
    expect(head.tagCount).toBe(1);
    expect(await s3.getObjectTagging(c, ref)).toEqual({ 'a b': 'ü=/@' });
    const link = presign(
      { method: 'GET', endpoint: endpoint ?? '', path: objectPath(bucket, ref.key), region: 'us-east-1', now: c.now(), expiresSeconds: 60 },
      current,
    );
    expect(await (await fetch(link)).text()).toBe(name);
    const copy = { bucket, key: `copy/${name}` };
    await s3.copyObject(c, ref, copy);
    expect(await (await s3.getObject(c, copy)).text()).toBe(name);
    const gone = await s3.deleteObjects(c, bucket, [{ key: ref.key }, { key: copy.key }]);
    expect(gone.failed).toEqual([]);
    expect(gone.deleted.every((d) => d.marker)).toBe(true);
    expect(await s3.listObjectsV2(c, bucket, { prefix: ref.key })).toMatchObject({ objects: [] });
  });

  it('keys that stand alone at the top', async () => {
    for (const name of ['.', '..', '/', '//', '/a']) {
      await s3.putObject(c, { bucket, key: name }, 'x');
      expect((await s3.headObject(c, { bucket, key: name })).size).toBe(1);
    }
  });

  it('versions, markers, restoring', async () => {
    const ref = { bucket, key: 'v' };
    const first = await s3.putObject(c, ref, 'one');
    await s3.putObject(c, ref, 'two');
    const { marker } = await s3.deleteObject(c, ref);
    const list = await s3.listObjectVersions(c, bucket, { prefix: 'v' });
    expect(list.versions.map((v) => v.isDeleteMarker)).toEqual([true, false, false]);
    await s3.deleteObject(c, { ...ref, versionId: marker });
    expect(await (await s3.getObject(c, ref)).text()).toBe('two');
    await s3.copyObject(c, { ...ref, versionId: first.versionId }, ref);
    expect(await (await s3.getObject(c, ref)).text()).toBe('one');
  });

  it('multipart uploads with checksums', async () => {
    const ref = { bucket, key: 'dir/m' };
    const id = await s3.createMultipartUpload(c, ref, { contentType: 'a/b', checksum: 'CRC32' });
    const body = new Blob([new Uint8Array(5 << 20)]);
    const etag = await s3.uploadPart(c, ref, id, 1, body);
    const open = await s3.listMultipartUploads(c, bucket, { prefix: ref.key });
    expect(open.uploads[0]).toMatchObject({ key: ref.key, uploadId: id, checksumAlgorithm: 'CRC32' });
    const parts = await s3.listParts(c, ref, id);
    expect(parts?.[0]).toMatchObject({ number: 1, size: 5 << 20, etag });
    await s3.completeMultipartUpload(c, ref, id, parts ?? []);
    expect(await s3.listParts(c, ref, id)).toBeUndefined();
    expect((await s3.getObjectAttributes(c, ref)).partCount).toBe(1);
    expect((await s3.headObject(c, ref)).checksums.CRC32).toBeTruthy();
  });

  it('locks', async () => {
    const ref = { bucket, key: 'locked' };
    await s3.putObject(c, ref, 'x');
    expect(await s3.getObjectRetention(c, ref)).toBeUndefined();
    await s3.putObjectRetention(c, ref, { mode: 'GOVERNANCE', until: new Date(Date.now() + 60_000) });
    expect((await s3.getObjectRetention(c, ref))?.mode).toBe('GOVERNANCE');
    await s3.putObjectLegalHold(c, ref, true);
    expect(await s3.getObjectLegalHold(c, ref)).toBe(true);
    await s3.putObjectLegalHold(c, ref, false);
    expect((await s3.getObjectLockConfiguration(c, bucket))?.enabled).toBe(true);
  });

  it('settings of buckets', async () => {
    expect(await s3.getBucketVersioning(c, bucket)).toBe('Enabled');
    expect(await s3.getBucketLifecycle(c, bucket)).toEqual([]);
    const rule: s3.LifecycleRule = {
      id: 'r<1>', enabled: true, prefix: 'p/', tags: { a: 'b' }, expireDays: 3, transitions: [], noncurrentTransitions: [], noncurrentDays: 2,
    };
    await s3.putBucketLifecycle(c, bucket, [rule]);
    expect((await s3.getBucketLifecycle(c, bucket))[0]).toMatchObject(rule);
    await s3.putBucketLifecycle(c, bucket, []);
    await s3.putBucketTagging(c, bucket, { x: 'a b/@' });
    expect(await s3.getBucketTagging(c, bucket)).toEqual({ x: 'a b/@' });
    await s3.putBucketCors(c, bucket, [{ origins: ['*'], methods: ['GET'], headers: ['*'], exposeHeaders: [] }]);
    expect((await s3.getBucketCors(c, bucket))[0]?.methods).toEqual(['GET']);
    await s3.putBucketCors(c, bucket, []);
    expect(await s3.getBucketPolicy(c, bucket)).toBeUndefined();
    await s3.putPublicAccessBlock(c, bucket, { blockPublicAcls: true, ignorePublicAcls: false, blockPublicPolicy: true, restrictPublicBuckets: true });
    expect((await s3.getPublicAccessBlock(c, bucket))?.ignorePublicAcls).toBe(false);
    await setBucketQuota(c, bucket, 1 << 30);
    expect(await getBucketQuota(c, bucket)).toBe(1 << 30);
    expect((await listBucketStatus(c, { prefix: bucket }))[0]).toMatchObject({ name: bucket, quotaBytes: 1 << 30 });
    expect((await getStatus(c)).reads).toBe(true);
    expect((await s3.getBucketAcl(c, bucket)).grants.length).toBeGreaterThan(0);
  });

  it('forms', async () => {
    const form = signForm({ endpoint: endpoint ?? '', bucket, prefix: 'in/', maxBytes: 100, region: 'us-east-1', now: c.now(), expiresSeconds: 60 }, current);
    const send = (size: number) => {
      const part = (about: string, value: string) => `--limit\r\nContent-Disposition: form-data; ${about}\r\n\r\n${value}\r\n`;
      const fields = Object.entries(form.fields).map(([name, value]) => part(`name="${name}"`, value));
      const body = `${fields.join('')}${part('name="file"; filename="x y.bin"', 'x'.repeat(size))}--limit--\r\n`;
      return fetch(form.url, { method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=limit' }, body });
    };
    expect((await send(10)).status).toBe(204);
    expect((await s3.headObject(c, { bucket, key: 'in/x y.bin' })).size).toBe(10);
    expect((await send(1000)).status).toBe(400);
  });

  it('users, policies, keys, the simulator', async () => {
    const name = `${bucket}-user`;
    const session = current;
    // As in AWS, IAM is closed to such sessions, but for the console's own listener.
    current = key;
    await iam.createUser(c, name);
    const text = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: 's3:GetObject', Resource: `arn:aws:s3:::${bucket}/*` }] });
    const policy = await iam.createPolicy(c, `${bucket}-policy`, text, 'for a test');
    await iam.attachPolicy(c, { kind: 'user', name }, policy.arn);
    expect(JSON.parse(await iam.getPolicyVersion(c, policy.arn, 'v1'))).toEqual(JSON.parse(text));
    const made = await iam.createAccessKey(c, name);
    expect((await iam.listAccessKeys(c, name)).map((k) => k.id)).toEqual([made.id]);
    const user = await iam.getUser(c, name);
    const [result] = await iam.simulatePrincipalPolicy(c, user.arn, { actions: ['s3:GetObject'], resources: [`arn:aws:s3:::${bucket}/x`] });
    expect(result).toMatchObject({ decision: 'allowed', action: 's3:GetObject' });
    const mine = { accessKeyId: made.id, secretAccessKey: made.secret };
    current = (await sts.assumeRole(c, mine)).credentials;
    expect((await sts.getCallerIdentity(c)).arn).toContain(name);
    await expect(s3.putObject(c, { bucket, key: 'no' }, 'x')).rejects.toMatchObject({ code: 'AccessDenied' });
    current = key;
    await iam.deleteUserWithAll(c, name);
    await iam.deletePolicyWithAll(c, policy.arn);
    await expect(iam.getUser(c, name)).rejects.toBeInstanceOf(ApiError);
    current = session;
  });

  it('wrong secrets are told', async () => {
    await expect(sts.assumeRole(c, { ...key, secretAccessKey: 'wrong' })).rejects.toBeInstanceOf(ApiError);
  });
});
