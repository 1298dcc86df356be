// SPDX-License-Identifier: Apache-2.0
/** Names that somebody may give to an object, a tag, a user. Shown as text, they must stay text. */
export const hostile = [
  '<img src=x onerror=alert(1)>',
  '<script>alert(1)</script>',
  '"><svg onload=alert(1)>',
  "'-alert(1)-'",
  'javascript:alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  '${alert(1)}',
  '{name}',
  '%3Cscript%3E',
  '../../etc/passwd',
  'a\u202Egnp.exe',
  'line\nbreak\u0000null',
  '__proto__',
  'constructor',
  '\uD800',
  'x'.repeat(1024),
  '  leading and trailing  ',
  '🪣 éß漢字',
] as const;
