// SPDX-License-Identifier: Apache-2.0
export const buckets = {
  created: 'Created',
  description: 'Where objects are kept, each with its own settings.',
  empty: 'No buckets yet',
  emptyAdvice: 'Create one here, or with any S3 client.',
  name: 'Name',
  title: 'Buckets',
} as const;
