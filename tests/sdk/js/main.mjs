// SPDX-License-Identifier: Apache-2.0
// The AWS SDK for JavaScript v3 as `npm install @aws-sdk/client-s3` gives it, against the
// server that AWS's environment variables name. Prints TAP; words select cases.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  AbortMultipartUploadCommand, CompleteMultipartUploadCommand, CopyObjectCommand, CreateBucketCommand,
  CreateMultipartUploadCommand, DeleteBucketCommand, DeleteObjectCommand, DeleteObjectsCommand,
  GetBucketLocationCommand, GetObjectAttributesCommand, GetObjectCommand, HeadBucketCommand, HeadObjectCommand,
  ListBucketsCommand, ListMultipartUploadsCommand, ListObjectsCommand, ListObjectsV2Command, ListPartsCommand,
  NoSuchBucket, NoSuchKey, NotFound, PutObjectCommand, S3Client, UploadPartCommand, UploadPartCopyCommand,
  paginateListObjectsV2, waitUntilBucketNotExists, waitUntilObjectExists,
} from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const MIB = 1024 * 1024;
const endpoint = process.env.AWS_ENDPOINT_URL;
const client = new S3Client({});
const send = (command) => client.send(command);
const md5 = (data) => createHash("md5").update(data).digest("hex");
let buckets = 0;

async function bucket() {
  const Bucket = `js-${endpoint.split(":")[0]}-${process.pid}-${++buckets}`;
  await send(new CreateBucketCommand({ Bucket }));
  return Bucket;
}

async function bytes(answer) {
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function fails(promise, name, status) {
  try {
    await promise;
  } catch (error) {
    assert.deepEqual([error.name, error.$metadata?.httpStatusCode], [name, status], String(error));
    return error;
  }
  assert.fail(`expected ${name}`);
}

const cases = {
  async buckets() {
    const Bucket = await bucket();
    assert.equal((await send(new HeadBucketCommand({ Bucket }))).BucketRegion, "us-east-1");
    assert.equal((await send(new GetBucketLocationCommand({ Bucket }))).LocationConstraint, undefined);
    const listed = (await send(new ListBucketsCommand({ Prefix: Bucket }))).Buckets;
    assert.deepEqual(listed.map((b) => b.Name), [Bucket]);
    await send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" }));
    await fails(send(new DeleteBucketCommand({ Bucket })), "BucketNotEmpty", 409);
    await send(new DeleteObjectCommand({ Bucket, Key: "k" }));
    await send(new DeleteBucketCommand({ Bucket }));
    await waitUntilBucketNotExists({ client, maxWaitTime: 10 }, { Bucket });
    assert.ok((await fails(send(new HeadBucketCommand({ Bucket })), "NotFound", 404)) instanceof NotFound);
    assert.ok((await fails(send(new ListObjectsV2Command({ Bucket })), "NoSuchBucket", 404)) instanceof NoSuchBucket);
  },

  async put_get_head_delete() {
    const Bucket = await bucket();
    const body = randomBytes(300001);
    const Key = "dir/ä b+c.txt";
    const put = await send(new PutObjectCommand({
      Bucket, Key, Body: body, ContentType: "text/x-js", CacheControl: "no-cache", Metadata: { one: "1" } }));
    assert.equal(put.ETag, `"${md5(body)}"`);
    assert.ok(put.ChecksumCRC32, "the checksum that the client sent by default comes back");
    const got = await send(new GetObjectCommand({ Bucket, Key }));
    assert.ok(body.equals(await bytes(got)));
    assert.deepEqual([got.ContentType, got.CacheControl, got.Metadata, got.ContentLength],
      ["text/x-js", "no-cache", { one: "1" }, 300001]);
    const head = await send(new HeadObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }));
    assert.deepEqual([head.ETag, head.ChecksumCRC32, head.ChecksumType], [put.ETag, put.ChecksumCRC32, "FULL_OBJECT"]);
    await waitUntilObjectExists({ client, maxWaitTime: 10 }, { Bucket, Key });
    await send(new DeleteObjectCommand({ Bucket, Key }));
    const error = await fails(send(new GetObjectCommand({ Bucket, Key })), "NoSuchKey", 404);
    assert.ok(error instanceof NoSuchKey);
    assert.equal(error.Key ?? Key, Key);
    await fails(send(new HeadObjectCommand({ Bucket, Key })), "NotFound", 404);
  },

  async empty_and_streamed_bodies() {
    const Bucket = await bucket();
    await send(new PutObjectCommand({ Bucket, Key: "empty", Body: "" }));
    assert.equal((await bytes(await send(new GetObjectCommand({ Bucket, Key: "empty" })))).length, 0);
    const body = randomBytes(2 * MIB + 3);
    const file = join(process.env.PAIL_TEST_FOLDER, "streamed");
    writeFileSync(file, body);
    // A stream of known length goes out in aws-chunked pieces with a checksum in the trailer.
    const put = await send(new PutObjectCommand({
      Bucket, Key: "file", Body: createReadStream(file), ContentLength: body.length }));
    assert.ok(put.ChecksumCRC32);
    const got = await send(new GetObjectCommand({ Bucket, Key: "file" }));
    assert.equal(got.ContentEncoding, undefined);
    assert.ok(body.equals(await bytes(got)));
  },

  async checksums() {
    const Bucket = await bucket();
    for (const name of ["CRC32", "CRC32C", "SHA1", "SHA256", "CRC64NVME"]) {
      const want = { CRC32: "y/Q5Jg==", CRC32C: "4waSgw==", CRC64NVME: "rosUhgp5mIg=" }[name]
        ?? createHash(name.toLowerCase()).update("123456789").digest("base64");
      const put = await send(new PutObjectCommand({ Bucket, Key: name, Body: "123456789", [`Checksum${name}`]: want }));
      assert.equal(put[`Checksum${name}`], want);
      const got = await send(new GetObjectCommand({ Bucket, Key: name, ChecksumMode: "ENABLED" }));
      assert.equal(got[`Checksum${name}`], want);
      assert.equal(String(await bytes(got)), "123456789");
    }
    for (const name of ["CRC32", "CRC32C", "SHA1", "SHA256"]) {
      const put = await send(new PutObjectCommand({ Bucket, Key: name, Body: "123456789", ChecksumAlgorithm: name }));
      assert.ok(put[`Checksum${name}`], name);
    }
    await fails(send(new PutObjectCommand({ Bucket, Key: "bad", Body: "x", ChecksumCRC32: "AAAAAA==" })), "BadDigest", 400);
    const attributes = await send(new GetObjectAttributesCommand({
      Bucket, Key: "SHA1", ObjectAttributes: ["ETag", "Checksum", "ObjectSize", "StorageClass"] }));
    assert.deepEqual([attributes.ETag, attributes.ObjectSize, attributes.StorageClass, attributes.Checksum.ChecksumType],
      [md5("123456789"), 9, "STANDARD", "FULL_OBJECT"]);
  },

  async ranges_and_conditions() {
    const Bucket = await bucket();
    const { ETag } = await send(new PutObjectCommand({ Bucket, Key: "k", Body: "0123456789", IfNoneMatch: "*" }));
    const part = await send(new GetObjectCommand({ Bucket, Key: "k", Range: "bytes=2-4" }));
    assert.deepEqual([String(await bytes(part)), part.ContentRange, part.$metadata.httpStatusCode], ["234", "bytes 2-4/10", 206]);
    await fails(send(new GetObjectCommand({ Bucket, Key: "k", Range: "bytes=10-" })), "InvalidRange", 416);
    await fails(send(new GetObjectCommand({ Bucket, Key: "k", IfMatch: '"no"' })), "PreconditionFailed", 412);
    const same = await send(new HeadObjectCommand({ Bucket, Key: "k", IfNoneMatch: ETag })).catch((error) => error);
    assert.equal(same.$metadata.httpStatusCode, 304);
    await fails(send(new PutObjectCommand({ Bucket, Key: "k", Body: "y", IfNoneMatch: "*" })), "PreconditionFailed", 412);
    await send(new PutObjectCommand({ Bucket, Key: "k", Body: "y", IfMatch: ETag }));
    await fails(send(new DeleteObjectCommand({ Bucket, Key: "k", IfMatch: ETag })), "PreconditionFailed", 412);
  },

  async copies() {
    const Bucket = await bucket();
    const other = await bucket();
    await send(new PutObjectCommand({ Bucket, Key: "source", Body: "data", ContentType: "a/b" }));
    const copy = await send(new CopyObjectCommand({ Bucket: other, Key: "copy", CopySource: `${Bucket}/source` }));
    assert.equal(copy.CopyObjectResult.ETag, `"${md5("data")}"`);
    const got = await send(new GetObjectCommand({ Bucket: other, Key: "copy" }));
    assert.deepEqual([String(await bytes(got)), got.ContentType], ["data", "a/b"]);
    await fails(send(new CopyObjectCommand({ Bucket, Key: "source", CopySource: `${Bucket}/source` })), "InvalidRequest", 400);
  },

  async lists() {
    const Bucket = await bucket();
    const keys = ["a b", "dir/1", "dir/2", "x+y", "z&<>\"'", "ü"];
    for (const Key of keys) await send(new PutObjectCommand({ Bucket, Key, Body: Key }));
    const all = [];
    for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, { Bucket }))
      all.push(...(page.Contents ?? []).map((o) => o.Key));
    assert.deepEqual(all, keys);
    const grouped = await send(new ListObjectsV2Command({ Bucket, Delimiter: "/" }));
    assert.deepEqual(grouped.CommonPrefixes.map((p) => p.Prefix), ["dir/"]);
    assert.equal(grouped.KeyCount, 5);
    const one = await send(new ListObjectsCommand({ Bucket, MaxKeys: 2 }));
    assert.deepEqual([one.Contents.map((o) => o.Key), one.IsTruncated], [["a b", "dir/1"], true]);
    const gone = await send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }));
    assert.deepEqual(gone.Deleted.map((d) => d.Key).sort(), [...keys].sort());
    assert.equal((await send(new ListObjectsV2Command({ Bucket }))).KeyCount, 0);
  },

  async multipart() {
    const Bucket = await bucket();
    const Key = "parts";
    const parts = [randomBytes(5 * MIB), randomBytes(5 * MIB), randomBytes(11)];
    await send(new PutObjectCommand({ Bucket, Key: "source", Body: parts[1] }));
    const { UploadId } = await send(new CreateMultipartUploadCommand({ Bucket, Key, Metadata: { m: "1" } }));
    const third = await send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 3, Body: parts[2] }));
    const second = await send(new UploadPartCopyCommand({ Bucket, Key, UploadId, PartNumber: 2, CopySource: `${Bucket}/source` }));
    const first = await send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: parts[0] }));
    const listed = await send(new ListPartsCommand({ Bucket, Key, UploadId }));
    assert.deepEqual(listed.Parts.map((p) => [p.PartNumber, p.Size]), [[1, 5 * MIB], [2, 5 * MIB], [3, 11]]);
    assert.equal((await send(new ListMultipartUploadsCommand({ Bucket }))).Uploads[0].UploadId, UploadId);
    // The client asked for CRC32 by default at the start, so every part has to be named with its checksum.
    const named = [first, second.CopyPartResult, third].map((p, n) => ({
      PartNumber: n + 1, ETag: p.ETag, ChecksumCRC32: p.ChecksumCRC32 }));
    const done = await send(new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts: named } }));
    const digests = Buffer.concat(parts.map((p) => createHash("md5").update(p).digest()));
    assert.equal(done.ETag, `"${md5(digests)}-3"`);
    const got = await send(new GetObjectCommand({ Bucket, Key }));
    assert.ok(Buffer.concat(parts).equals(await bytes(got)));
    assert.deepEqual(got.Metadata, { m: "1" });
    const again = (await send(new CreateMultipartUploadCommand({ Bucket, Key }))).UploadId;
    await send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId: again }));
    await fails(send(new ListPartsCommand({ Bucket, Key, UploadId: again })), "NoSuchUpload", 404);
  },

  async upload_100_mib_by_lib_storage() {
    const Bucket = await bucket();
    const body = randomBytes(100 * MIB + 7);
    const file = join(process.env.PAIL_TEST_FOLDER, "big");
    writeFileSync(file, body);
    await new Upload({ client, params: { Bucket, Key: "big", Body: createReadStream(file) }, queueSize: 4, partSize: 8 * MIB }).done();
    const hash = createHash("sha256");
    for await (const piece of (await send(new GetObjectCommand({ Bucket, Key: "big" }))).Body) hash.update(piece);
    assert.equal(hash.digest("hex"), createHash("sha256").update(body).digest("hex"));
    assert.match((await send(new HeadObjectCommand({ Bucket, Key: "big" }))).ETag, /-13"$/);
  },

  async presigned_urls() {
    const Bucket = await bucket();
    // This SDK signs the checksum of the body that it was shown into the URL, so another body is refused.
    const put = await getSignedUrl(client, new PutObjectCommand({
      Bucket, Key: "p q", Body: "hello", ContentType: "text/plain", Metadata: { hoisted: "yes" } }), { expiresIn: 60 });
    assert.match(put, /x-amz-checksum-crc32=/);
    const headers = { "content-type": "text/plain" };
    const other = await fetch(put, { method: "PUT", body: "other", headers });
    assert.deepEqual([other.status, /BadDigest/.test(await other.text())], [400, true]);
    assert.equal((await fetch(put, { method: "PUT", body: "hello", headers })).status, 200);
    assert.deepEqual((await send(new HeadObjectCommand({ Bucket, Key: "p q" }))).Metadata, { hoisted: "yes" });
    const get = await getSignedUrl(client, new GetObjectCommand({ Bucket, Key: "p q" }), { expiresIn: 60 });
    const answer = await fetch(get);
    assert.deepEqual([answer.status, await answer.text()], [200, "hello"]);
    const forged = await fetch(get.replace(/Signature=..../, "Signature=0000"));
    assert.equal(forged.status, 403);
    assert.match(await forged.text(), /SignatureDoesNotMatch/);
  },

  async wrong_credentials() {
    const Bucket = await bucket();
    const stranger = new S3Client({ credentials: { accessKeyId: "AKIAPAILNOBODY000000", secretAccessKey: "x" } });
    await fails(stranger.send(new ListObjectsV2Command({ Bucket })), "InvalidAccessKeyId", 403);
    const liar = new S3Client({ credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "x" } });
    await fails(liar.send(new PutObjectCommand({ Bucket, Key: "k", Body: "x" })), "SignatureDoesNotMatch", 403);
    await fails(send(new HeadObjectCommand({ Bucket, Key: "k" })), "NotFound", 404);
  },
};

const words = process.argv.slice(2);
let failed = 0;
for (const [name, run] of Object.entries(cases)) {
  if (words.length && !words.some((word) => name.includes(word))) continue;
  const start = Date.now();
  try {
    await run();
    console.log(`ok - ${name} (${((Date.now() - start) / 1000).toFixed(2)} s)`);
  } catch (error) {
    failed++;
    console.log(`not ok - ${name}`);
    console.log(String(error.stack ?? error).replace(/^/gm, "#   "));
  }
}
process.exit(failed ? 1 : 0);
