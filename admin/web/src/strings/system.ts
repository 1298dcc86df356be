// SPDX-License-Identifier: Apache-2.0
export const system = {
  encryptionDescription: 'Keys that seal what is stored, and their rotation.',
  healthDescription: 'Disk, index, workers and work in the background.',
  settingsDescription: 'What the server runs with, and where it comes from.',
  tiersDescription: 'Where lifecycle rules move objects to.',
} as const;
