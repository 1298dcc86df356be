// SPDX-License-Identifier: Apache-2.0

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.ResponseBytes;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.*;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/**
 * The AWS SDK for Java v2 as Maven gives it, against the server that AWS's environment
 * variables name. Prints TAP; words select cases.
 */
public final class Main {
    private static final int MIB = 1 << 20;
    private static final String ENDPOINT = System.getenv("AWS_ENDPOINT_URL");
    private static final Random RANDOM = new Random(1);
    private static S3Client client;
    private static int buckets;

    private interface Case {
        void run() throws Exception;
    }

    private static void equal(String what, Object got, Object want) {
        if (!Objects.equals(got, want))
            throw new AssertionError(what + ": expected " + want + ", got " + got);
    }

    private static void same(String what, byte[] got, byte[] want) {
        if (!Arrays.equals(got, want))
            throw new AssertionError(what + ": " + got.length + " bytes that differ from the " + want.length + " expected");
    }

    private static void fails(String code, int status, Case call) throws Exception {
        try {
            call.run();
        } catch (S3Exception error) {
            // HEAD has no body, so the SDK knows no code there.
            String found = error.awsErrorDetails() == null ? null : error.awsErrorDetails().errorCode();
            equal("status", error.statusCode(), status);
            if (code != null)
                equal("code", found, code);
            return;
        }
        throw new AssertionError("expected " + code);
    }

    private static String bucket() {
        String name = "java-" + ENDPOINT.split(":")[0] + "-" + ProcessHandle.current().pid() + "-" + ++buckets;
        client.createBucket(b -> b.bucket(name));
        return name;
    }

    private static byte[] random(int size) {
        byte[] data = new byte[size];
        RANDOM.nextBytes(data);
        return data;
    }

    private static byte[] digest(String name, byte[] data) throws Exception {
        return MessageDigest.getInstance(name).digest(data);
    }

    private static String etag(byte[] data) throws Exception {
        return '"' + HexFormat.of().formatHex(digest("MD5", data)) + '"';
    }

    private static byte[] get(String bucket, String key) {
        return client.getObjectAsBytes(r -> r.bucket(bucket).key(key)).asByteArray();
    }

    private static void buckets() throws Exception {
        String b = bucket();
        equal("region", client.headBucket(r -> r.bucket(b)).bucketRegion(), "us-east-1");
        equal("listed", client.listBuckets(r -> r.prefix(b)).buckets().size(), 1);
        client.putObject(r -> r.bucket(b).key("k"), RequestBody.fromString("x"));
        fails("BucketNotEmpty", 409, () -> client.deleteBucket(r -> r.bucket(b)));
        client.deleteObject(r -> r.bucket(b).key("k"));
        client.deleteBucket(r -> r.bucket(b));
        client.waiter().waitUntilBucketNotExists(r -> r.bucket(b));
        try {
            client.listObjectsV2(r -> r.bucket(b));
            throw new AssertionError("expected NoSuchBucket");
        } catch (NoSuchBucketException expected) {
            equal("status", expected.statusCode(), 404);
        }
    }

    private static void putGetHeadDelete() throws Exception {
        String b = bucket();
        String key = "dir/ä b+c.txt";
        byte[] data = random(300001);
        PutObjectResponse put = client.putObject(r -> r.bucket(b).key(key).contentType("text/x-java")
            .metadata(Map.of("one", "1")), RequestBody.fromBytes(data));
        equal("ETag", put.eTag(), etag(data));
        ResponseBytes<GetObjectResponse> got = client.getObjectAsBytes(r -> r.bucket(b).key(key));
        same("body", got.asByteArray(), data);
        equal("type", got.response().contentType(), "text/x-java");
        equal("metadata", got.response().metadata(), Map.of("one", "1"));
        HeadObjectResponse head = client.headObject(r -> r.bucket(b).key(key).checksumMode(ChecksumMode.ENABLED));
        equal("a checksum is stored by default", head.checksumType(), ChecksumType.FULL_OBJECT);
        equal("length", head.contentLength(), 300001L);
        client.deleteObject(r -> r.bucket(b).key(key));
        try {
            client.getObjectAsBytes(r -> r.bucket(b).key(key));
            throw new AssertionError("expected NoSuchKey");
        } catch (NoSuchKeyException expected) {
            equal("status", expected.statusCode(), 404);
        }
        fails(null, 404, () -> client.headObject(r -> r.bucket(b).key(key)));
        client.putObject(r -> r.bucket(b).key("empty"), RequestBody.empty());
        same("empty", get(b, "empty"), new byte[0]);
    }

    private static void checksums() throws Exception {
        String b = bucket();
        byte[] data = "123456789".getBytes();
        String sha256 = Base64.getEncoder().encodeToString(digest("SHA-256", data));
        for (ChecksumAlgorithm name : List.of(ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.SHA1,
                                              ChecksumAlgorithm.SHA256)) {
            client.putObject(r -> r.bucket(b).key(name.toString()).checksumAlgorithm(name), RequestBody.fromBytes(data));
            same(name.toString(), client.getObjectAsBytes(r -> r.bucket(b).key(name.toString())
                .checksumMode(ChecksumMode.ENABLED)).asByteArray(), data);
        }
        equal("SHA256", client.headObject(r -> r.bucket(b).key("SHA256").checksumMode(ChecksumMode.ENABLED)).checksumSHA256(),
            sha256);
        GetObjectAttributesResponse attributes = client.getObjectAttributes(r -> r.bucket(b).key("CRC32")
            .objectAttributes(ObjectAttributes.CHECKSUM, ObjectAttributes.OBJECT_SIZE));
        equal("CRC32", attributes.checksum().checksumCRC32(), "y/Q5Jg==");
        equal("size", attributes.objectSize(), 9L);
        fails("BadDigest", 400, () -> client.putObject(r -> r.bucket(b).key("bad").checksumCRC32("AAAAAA=="),
            RequestBody.fromBytes(data)));
        fails(null, 404, () -> client.headObject(r -> r.bucket(b).key("bad")));
    }

    private static void rangesAndConditions() throws Exception {
        String b = bucket();
        String etag = client.putObject(r -> r.bucket(b).key("k").ifNoneMatch("*"), RequestBody.fromString("0123456789")).eTag();
        ResponseBytes<GetObjectResponse> part = client.getObjectAsBytes(r -> r.bucket(b).key("k").range("bytes=2-4"));
        equal("range", part.asUtf8String(), "234");
        equal("Content-Range", part.response().contentRange(), "bytes 2-4/10");
        fails("InvalidRange", 416, () -> client.getObjectAsBytes(r -> r.bucket(b).key("k").range("bytes=10-")));
        fails("PreconditionFailed", 412, () -> client.getObjectAsBytes(r -> r.bucket(b).key("k").ifMatch("\"no\"")));
        fails(null, 304, () -> client.getObjectAsBytes(r -> r.bucket(b).key("k").ifNoneMatch(etag)));
        fails("PreconditionFailed", 412, () -> client.putObject(r -> r.bucket(b).key("k").ifNoneMatch("*"),
            RequestBody.fromString("y")));
        client.putObject(r -> r.bucket(b).key("k").ifMatch(etag), RequestBody.fromString("y"));
        equal("body", new String(get(b, "k")), "y");
    }

    private static void copiesAndLists() throws Exception {
        String b = bucket();
        String other = bucket();
        List<String> keys = List.of("a b", "dir/1", "dir/2", "x+y", "z&<>", "ü");
        for (String key : keys)
            client.putObject(r -> r.bucket(b).key(key), RequestBody.fromString(key));
        List<String> seen = new ArrayList<>();
        client.listObjectsV2Paginator(r -> r.bucket(b).maxKeys(2)).contents().forEach(o -> seen.add(o.key()));
        equal("keys", seen, keys);
        ListObjectsV2Response grouped = client.listObjectsV2(r -> r.bucket(b).delimiter("/"));
        equal("groups", grouped.commonPrefixes().stream().map(CommonPrefix::prefix).toList(), List.of("dir/"));
        equal("version 1", client.listObjects(r -> r.bucket(b).maxKeys(1)).isTruncated(), true);
        CopyObjectResponse copy = client.copyObject(r -> r.sourceBucket(b).sourceKey("a b").destinationBucket(other)
            .destinationKey("copy"));
        equal("ETag", copy.copyObjectResult().eTag(), etag("a b".getBytes()));
        equal("copy", new String(get(other, "copy")), "a b");
        DeleteObjectsResponse gone = client.deleteObjects(r -> r.bucket(b).delete(d -> d.objects(
            keys.stream().map(k -> ObjectIdentifier.builder().key(k).build()).toList())));
        equal("deleted", gone.deleted().size(), keys.size());
        equal("left", client.listObjectsV2(r -> r.bucket(b)).keyCount(), 0);
    }

    private static void multipart() throws Exception {
        String b = bucket();
        byte[][] parts = {random(5 * MIB), random(5 * MIB + 1), random(11)};
        String upload = client.createMultipartUpload(r -> r.bucket(b).key("k")).uploadId();
        CompletedPart[] named = new CompletedPart[3];
        for (int n : new int[] {2, 0, 1}) {
            UploadPartResponse out = client.uploadPart(r -> r.bucket(b).key("k").uploadId(upload).partNumber(n + 1),
                RequestBody.fromBytes(parts[n]));
            named[n] = CompletedPart.builder().partNumber(n + 1).eTag(out.eTag()).build();
        }
        equal("parts", client.listParts(r -> r.bucket(b).key("k").uploadId(upload)).parts().size(), 3);
        CompleteMultipartUploadResponse done = client.completeMultipartUpload(r -> r.bucket(b).key("k").uploadId(upload)
            .multipartUpload(u -> u.parts(named)));
        java.io.ByteArrayOutputStream digests = new java.io.ByteArrayOutputStream();
        java.io.ByteArrayOutputStream whole = new java.io.ByteArrayOutputStream();
        for (byte[] part : parts) {
            digests.write(digest("MD5", part));
            whole.write(part);
        }
        String plain = etag(digests.toByteArray());
        equal("ETag", done.eTag(), plain.substring(0, plain.length() - 1) + "-3\"");
        same("body", get(b, "k"), whole.toByteArray());
        String again = client.createMultipartUpload(r -> r.bucket(b).key("k")).uploadId();
        client.abortMultipartUpload(r -> r.bucket(b).key("k").uploadId(again));
        fails("NoSuchUpload", 404, () -> client.listParts(r -> r.bucket(b).key("k").uploadId(again)));
    }

    /** The asynchronous client over Netty, with the SDK's own multipart and the transfer manager on top. */
    private static void transferManager100Mib() throws Exception {
        String b = bucket();
        Path folder = Path.of(System.getenv("PAIL_TEST_FOLDER"));
        byte[] data = random(100 * MIB + 7);
        Path up = Files.write(folder.resolve("up"), data);
        Path down = folder.resolve("down");
        try (S3AsyncClient async = S3AsyncClient.builder().multipartEnabled(true).forcePathStyle(true).build();
             S3TransferManager transfers = S3TransferManager.builder().s3Client(async).build()) {
            String etag = transfers.uploadFile(r -> r.putObjectRequest(p -> p.bucket(b).key("big")).source(up))
                .completionFuture().get().response().eTag();
            equal("ETag of parts", etag.matches("\".*-[0-9]+\""), true);
            transfers.downloadFile(r -> r.getObjectRequest(g -> g.bucket(b).key("big")).destination(down))
                .completionFuture().get();
            same("file", Files.readAllBytes(down), data);
            async.putObject(r -> r.bucket(b).key("small"), AsyncRequestBody.fromString("small")).get();
            equal("small", new String(get(b, "small")), "small");
        }
    }

    private static void presigned() throws Exception {
        String b = bucket();
        HttpClient http = HttpClient.newHttpClient();
        try (S3Presigner presigner = S3Presigner.builder().endpointOverride(URI.create(ENDPOINT))
                .serviceConfiguration(S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
            URI put = presigner.presignPutObject(r -> r.signatureDuration(Duration.ofMinutes(1))
                .putObjectRequest(p -> p.bucket(b).key("p q"))).url().toURI();
            equal("PUT", http.send(HttpRequest.newBuilder(put).PUT(HttpRequest.BodyPublishers.ofString("hello")).build(),
                HttpResponse.BodyHandlers.ofString()).statusCode(), 200);
            URI get = presigner.presignGetObject(r -> r.signatureDuration(Duration.ofMinutes(1))
                .getObjectRequest(p -> p.bucket(b).key("p q"))).url().toURI();
            equal("GET", http.send(HttpRequest.newBuilder(get).build(), HttpResponse.BodyHandlers.ofString()).body(), "hello");
            URI forged = URI.create(get.toString().replace("X-Amz-Expires=60", "X-Amz-Expires=61"));
            equal("forged", http.send(HttpRequest.newBuilder(forged).build(), HttpResponse.BodyHandlers.ofString()).statusCode(),
                403);
        }
    }

    private static void wrongCredentials() throws Exception {
        String b = bucket();
        try (S3Client stranger = as("AKIAPAILNOBODY000000"); S3Client liar = as(System.getenv("AWS_ACCESS_KEY_ID"))) {
            fails("InvalidAccessKeyId", 403, () -> stranger.listObjectsV2(r -> r.bucket(b)));
            fails("SignatureDoesNotMatch", 403, () -> liar.putObject(r -> r.bucket(b).key("k"), RequestBody.fromString("x")));
        }
        fails(null, 404, () -> client.headObject(r -> r.bucket(b).key("k")));
    }

    private static S3Client as(String key) {
        return S3Client.builder().forcePathStyle(true)
            .credentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create(key, "x"))).build();
    }

    private static boolean run(String name, Case body) {
        long start = System.nanoTime();
        try {
            body.run();
            System.out.printf("ok - %s (%.2f s)%n", name, (System.nanoTime() - start) / 1e9);
            return true;
        } catch (Throwable error) {
            System.out.println("not ok - " + name + "\n#   " + error.toString().replace("\n", "\n#   "));
            for (StackTraceElement at : error.getStackTrace())
                if (at.getClassName().startsWith("Main"))
                    System.out.println("#   at " + at);
            return false;
        }
    }

    public static void main(String[] words) {
        // Names below 127.0.0.1 cannot be resolved: the one setting that every local S3 needs in Java.
        client = S3Client.builder().forcePathStyle(true).build();
        Map<String, Case> cases = new LinkedHashMap<>();
        cases.put("buckets", Main::buckets);
        cases.put("put_get_head_delete", Main::putGetHeadDelete);
        cases.put("checksums", Main::checksums);
        cases.put("ranges_and_conditions", Main::rangesAndConditions);
        cases.put("copies_and_lists", Main::copiesAndLists);
        cases.put("multipart", Main::multipart);
        cases.put("transfer_manager_100_mib", Main::transferManager100Mib);
        cases.put("presigned", Main::presigned);
        cases.put("wrong_credentials", Main::wrongCredentials);
        boolean good = true;
        for (Map.Entry<String, Case> c : cases.entrySet())
            if (words.length == 0 || Arrays.stream(words).anyMatch(c.getKey()::contains))
                good &= run(c.getKey(), c.getValue());
        System.exit(good ? 0 : 1);
    }
}
