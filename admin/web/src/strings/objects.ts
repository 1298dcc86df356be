// SPDX-License-Identifier: Apache-2.0
export const objects = {
  title: 'Objects',
} as const;
