// SPDX-License-Identifier: Apache-2.0
/* The protocol of IAM and STS: a form goes out, XML comes back with <XResult> inside of <XResponse>. */
import type { Client, RequestOptions } from './http';
import { encode } from './sign';
import type { XmlNode } from './xml';

export type QueryValue = string | number | boolean | undefined | ReadonlyArray<string> | ReadonlyArray<Record<string, string>>;

/** Lists become Name.member.1, records in them Name.member.1.Key. */
export function formBody(action: string, version: string, parameters: Record<string, QueryValue>): string {
  const pairs: Array<[string, string]> = [
    ['Action', action],
    ['Version', version],
  ];
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined) continue;
    if (typeof value !== 'object') {
      pairs.push([name, String(value)]);
      continue;
    }
    value.forEach((member, i) => {
      if (typeof member === 'string') pairs.push([`${name}.member.${i + 1}`, member]);
      else for (const [key, text] of Object.entries(member)) pairs.push([`${name}.member.${i + 1}.${key}`, text]);
    });
  }
  return pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&');
}

/** The result element; the whole reply where an action has none. Actions that only read may be repeated. */
export async function queryCall(
  c: Client,
  service: 'iam' | 'sts',
  action: string,
  parameters: Record<string, QueryValue> = {},
  options: Partial<RequestOptions> = {},
): Promise<XmlNode> {
  const x = await c.xml({
    method: 'POST',
    path: '/',
    service,
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: formBody(action, service === 'iam' ? '2010-05-08' : '2011-06-15', parameters),
    idempotent: /^(Get|List|Simulate)/.test(action),
    ...options,
  });
  return x.child(`${action}Result`) ?? x;
}
