// SPDX-License-Identifier: Apache-2.0
export const identity = {
  title: 'Identity',
} as const;
