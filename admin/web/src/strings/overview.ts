// SPDX-License-Identifier: Apache-2.0
export const overview = {
  buckets: 'Buckets',
  description: 'What the server holds and does.',
  objects: 'Objects',
  stored: 'Stored',
  title: 'Overview',
  uptime: 'Uptime',
  version: 'Version',
} as const;
