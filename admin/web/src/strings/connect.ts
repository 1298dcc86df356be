// SPDX-License-Identifier: Apache-2.0
import { area } from './area';

export const connect = area('connect', {
  addressing: 'Addressing',
  badBucket: 'A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens',
  bucket: 'Bucket in the examples',
  clients: 'Programs and languages',
  createKey: 'Create an access key',
  description: 'Ready-to-paste snippets for this server.',
  endpoint: 'Endpoint',
  fill: 'Examples',
  pathStyle: 'Path style: endpoint/bucket/key',
  region: 'Region',
  secretNote: 'Fill in your own access key and secret: the console never stores secrets.',
  server: 'This server',
  setUp: 'Set up',
  signature: 'Signature',
  signatureV4: 'AWS Signature Version 4, service s3',
  title: 'Connect',
  use: 'Use',
});
