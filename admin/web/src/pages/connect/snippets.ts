// SPDX-License-Identifier: Apache-2.0
// Programs' first lines, filled in. They are text for people to paste: secrets stay placeholders.
export type Values = { endpoint: string; region: string; bucket: string };
export type Snippet = { id: string; label: string; parts: { title: 'config' | 'use'; language: string; code: string }[] };

const KEY = 'YOUR_ACCESS_KEY';
const SECRET = 'YOUR_SECRET_KEY';

export function snippets({ endpoint, region, bucket }: Values): Snippet[] {
  const host = endpoint.replace(/^https?:\/\//, '');
  const secure = endpoint.startsWith('https:');
  return [
    {
      id: 'aws',
      label: 'AWS CLI',
      parts: [
        {
          title: 'config',
          language: 'shell',
          code: `export AWS_ACCESS_KEY_ID=${KEY}
export AWS_SECRET_ACCESS_KEY=${SECRET}
export AWS_DEFAULT_REGION=${region}
export AWS_ENDPOINT_URL=${endpoint}`,
        },
        {
          title: 'use',
          language: 'shell',
          code: `aws s3 ls
aws s3 cp ./photo.jpg s3://${bucket}/photo.jpg
aws s3 sync ./folder s3://${bucket}/folder
aws s3 presign s3://${bucket}/photo.jpg --expires-in 3600`,
        },
      ],
    },
    {
      id: 'boto3',
      label: 'Python (boto3)',
      parts: [
        {
          title: 'use',
          language: 'python',
          code: `import boto3

s3 = boto3.client(
    "s3",
    endpoint_url="${endpoint}",
    region_name="${region}",
    aws_access_key_id="${KEY}",
    aws_secret_access_key="${SECRET}",
)

s3.upload_file("photo.jpg", "${bucket}", "photo.jpg")
for item in s3.list_objects_v2(Bucket="${bucket}").get("Contents", []):
    print(item["Key"], item["Size"])`,
        },
      ],
    },
    {
      id: 'js',
      label: 'JavaScript',
      parts: [
        { title: 'config', language: 'shell', code: 'npm install @aws-sdk/client-s3' },
        {
          title: 'use',
          language: 'javascript',
          code: `import { GetObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";

const s3 = new S3Client({
  endpoint: "${endpoint}",
  region: "${region}",
  forcePathStyle: true,
  credentials: { accessKeyId: "${KEY}", secretAccessKey: "${SECRET}" },
});

await s3.send(new PutObjectCommand({ Bucket: "${bucket}", Key: "hello.txt", Body: "Hello" }));
const reply = await s3.send(new GetObjectCommand({ Bucket: "${bucket}", Key: "hello.txt" }));
console.log(await reply.Body.transformToString());`,
        },
      ],
    },
    {
      id: 'go',
      label: 'Go',
      parts: [
        { title: 'config', language: 'shell', code: 'go get github.com/aws/aws-sdk-go-v2/service/s3 github.com/aws/aws-sdk-go-v2/credentials' },
        {
          title: 'use',
          language: 'go',
          code: `package main

import (
	"context"
	"log"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

func main() {
	client := s3.New(s3.Options{
		BaseEndpoint: aws.String("${endpoint}"),
		Region:       "${region}",
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider("${KEY}", "${SECRET}", ""),
	})
	_, err := client.PutObject(context.Background(), &s3.PutObjectInput{
		Bucket: aws.String("${bucket}"),
		Key:    aws.String("hello.txt"),
		Body:   strings.NewReader("Hello"),
	})
	if err != nil {
		log.Fatal(err)
	}
}`,
        },
      ],
    },
    {
      id: 'java',
      label: 'Java',
      parts: [
        {
          title: 'use',
          language: 'java',
          code: `import java.net.URI;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

public class Hello {
    public static void main(String[] args) {
        try (S3Client s3 = S3Client.builder()
                .endpointOverride(URI.create("${endpoint}"))
                .region(Region.of("${region}"))
                .forcePathStyle(true)
                .credentialsProvider(StaticCredentialsProvider.create(
                        AwsBasicCredentials.create("${KEY}", "${SECRET}")))
                .build()) {
            s3.putObject(b -> b.bucket("${bucket}").key("hello.txt"), RequestBody.fromString("Hello"));
        }
    }
}`,
        },
      ],
    },
    {
      id: 'rclone',
      label: 'rclone',
      parts: [
        {
          title: 'config',
          language: 'shell',
          code: `rclone config create pail s3 provider=Other endpoint=${endpoint} region=${region} \\
  access_key_id=${KEY} secret_access_key=${SECRET} force_path_style=true`,
        },
        {
          title: 'use',
          language: 'shell',
          code: `rclone lsd pail:
rclone copy ./folder pail:${bucket}/folder --progress
rclone mount pail:${bucket} /mnt/${bucket} --vfs-cache-mode writes`,
        },
      ],
    },
    {
      id: 'mc',
      label: 'MinIO client',
      parts: [
        { title: 'config', language: 'shell', code: `mc alias set pail ${endpoint} ${KEY} ${SECRET}` },
        {
          title: 'use',
          language: 'shell',
          code: `mc ls pail
mc cp ./photo.jpg pail/${bucket}/photo.jpg
mc mirror ./folder pail/${bucket}/folder
mc admin info pail`,
        },
      ],
    },
    {
      id: 'terraform',
      label: 'Terraform',
      parts: [
        {
          title: 'use',
          language: 'hcl',
          code: `provider "aws" {
  region                      = "${region}"
  access_key                  = "${KEY}"
  secret_key                  = "${SECRET}"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true

  endpoints {
    s3  = "${endpoint}"
    iam = "${endpoint}"
    sts = "${endpoint}"
  }
}

resource "aws_s3_bucket" "example" {
  bucket = "${bucket}"
}`,
        },
      ],
    },
    {
      id: 'restic',
      label: 'restic',
      parts: [
        {
          title: 'use',
          language: 'shell',
          code: `export AWS_ACCESS_KEY_ID=${KEY}
export AWS_SECRET_ACCESS_KEY=${SECRET}
restic -r s3:${endpoint}/${bucket}/backup init
restic -r s3:${endpoint}/${bucket}/backup backup ~/documents`,
        },
      ],
    },
    {
      id: 'duckdb',
      label: 'DuckDB',
      parts: [
        {
          title: 'use',
          language: 'sql',
          code: `CREATE SECRET pail (
  TYPE s3, KEY_ID '${KEY}', SECRET '${SECRET}',
  ENDPOINT '${host}', REGION '${region}', URL_STYLE 'path', USE_SSL ${secure}
);
SELECT * FROM read_parquet('s3://${bucket}/data/*.parquet');`,
        },
      ],
    },
  ];
}
