// SPDX-License-Identifier: Apache-2.0
export const monitoring = {
  auditDescription: 'Who did what, newest first.',
  logsDescription: 'The last lines of the server’s own log.',
  traceDescription: 'Requests as they happen.',
} as const;
