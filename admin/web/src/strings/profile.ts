// SPDX-License-Identifier: Apache-2.0
export const profile = {
  arn: 'ARN',
  description: 'Who you are here, and your own keys.',
  expires: 'Session ends',
  title: 'Profile',
} as const;
