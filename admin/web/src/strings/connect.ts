// SPDX-License-Identifier: Apache-2.0
export const connect = {
  description: 'Ready to paste, with this server’s address filled in.',
  endpoint: 'Endpoint',
  region: 'Region',
  title: 'Connect',
} as const;
