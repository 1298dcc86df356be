// SPDX-License-Identifier: Apache-2.0
// The simulator's answers: the text of the statements that decided, and why, in words.
import type { SimulationResult, SimulationStatement } from '../../api/iam';
import { joined, readDocument, sentence } from '../../policy';
import { t } from '../../strings';

/** What stands between two places of a text. Lines and columns begin with 1, columns count bytes. */
export function cut(text: string, start: SimulationStatement['start'], end: SimulationStatement['end']): string | undefined {
  if (!start || !end) return undefined;
  const bytes = new TextEncoder().encode(text);
  const offset = (place: { line: number; column: number }): number => {
    let line = 1;
    let at = 0;
    while (line < place.line && at < bytes.length) if (bytes[at++] === 0x0a) line++;
    return at + place.column - 1;
  };
  const from = offset(start);
  const to = offset(end);
  return from >= 0 && to > from && to <= bytes.length ? new TextDecoder().decode(bytes.subarray(from, to)) : undefined;
}

/** A statement by itself as a sentence; undefined when it cannot be read. */
export function statementInWords(text: string): string | undefined {
  const s = readDocument(`{"Statement": [${text}]}`)?.statements[0];
  return s && sentence(s);
}

/** Where a deciding statement comes from. */
export function sourceInWords(s: SimulationStatement): string {
  const inline = /^(user|group|role)_(.*)$/s.exec(s.policyId);
  if (s.policyType === 'none') return t('identity.fromText');
  if (s.policyType === 'resource') return t('identity.fromBucketPolicy');
  if (inline && (s.policyType === 'user' || s.policyType === 'group' || s.policyType === 'role')) return t('identity.fromInline', { name: inline[2] ?? '' });
  return t('identity.fromPolicy', { name: s.policyId });
}

export function why(r: SimulationResult, o: { bounded?: boolean } = {}): string {
  const from = joined([...new Set(r.statements.map(sourceInWords))]);
  if (r.decision === 'allowed') return t('identity.whyAllowed', { from });
  if (r.decision === 'explicitDeny') return t('identity.whyDenied', { from });
  if (r.missingContext.length > 0) return t('identity.whyMissing', { keys: r.missingContext.join(', ') });
  return t(o.bounded ? 'identity.whyBounded' : 'identity.whyNot');
}

/** What the server says besides: unknown actions and keys. Those of policies that nobody here can change are left out. */
export const remarks = (r: SimulationResult, builtIn: ReadonlySet<string> = new Set()): string[] =>
  r.details.map((d) => d.key).filter((k) => /^Unknown /.test(k) && !builtIn.has(k.slice(k.lastIndexOf(' in ') + 4)));
