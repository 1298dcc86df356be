// SPDX-License-Identifier: Apache-2.0
export const bucket = {
  title: 'Bucket',
} as const;
