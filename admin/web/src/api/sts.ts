// SPDX-License-Identifier: Apache-2.0
/* STS: how one signs in, and who one is. */
import type { Client } from './http';
import { ApiError, sendUnsigned } from './http';
import { formBody, queryCall } from './query';
import type { Credentials } from './sign';
import { parseXml, type XmlNode } from './xml';

export interface Session {
  credentials: Credentials;
  arn?: string;
}

function readSession(x: XmlNode): Session {
  const n = x.child('Credentials');
  if (!n) throw new ApiError('BadReply', 'The server sent no credentials.', 200, '');
  return {
    credentials: {
      accessKeyId: n.str('AccessKeyId'),
      secretAccessKey: n.str('SecretAccessKey'),
      sessionToken: n.str('SessionToken'),
      expiration: n.date('Expiration')?.getTime(),
    },
    arn: x.child('AssumedRoleUser')?.get('Arn'),
  };
}

/** MinIO's form of AssumeRole: temporary credentials of the key's own principal. The key is used for this alone. */
export async function assumeRole(
  c: Client,
  key: Credentials,
  o: { durationSeconds?: number; roleArn?: string; sessionName?: string; policy?: string; signal?: AbortSignal } = {},
): Promise<Session> {
  return readSession(
    await queryCall(
      c,
      'sts',
      'AssumeRole',
      {
        DurationSeconds: o.durationSeconds,
        RoleArn: o.roleArn,
        RoleSessionName: o.roleArn ? (o.sessionName ?? 'console') : undefined,
        Policy: o.policy,
      },
      { credentials: key, attempts: 1, ...(o.signal && { signal: o.signal }) },
    ),
  );
}

/** With a token of an identity provider; the request is not signed. */
export async function assumeRoleWithWebIdentity(
  c: Client,
  o: { token: string; roleArn?: string; sessionName?: string; durationSeconds?: number; signal?: AbortSignal },
): Promise<Session> {
  const action = 'AssumeRoleWithWebIdentity';
  const reply = await sendUnsigned(c, '/', 'application/x-www-form-urlencoded; charset=utf-8', formBody(action, '2011-06-15', {
    WebIdentityToken: o.token,
    RoleArn: o.roleArn,
    RoleSessionName: o.roleArn ? (o.sessionName ?? 'console') : o.sessionName,
    DurationSeconds: o.durationSeconds,
  }), o.signal);
  const x = parseXml(await reply.text());
  return readSession(x.child(`${action}Result`) ?? x);
}

export interface CallerIdentity {
  arn: string;
  userId: string;
  account: string;
}

export async function getCallerIdentity(c: Client, o: { signal?: AbortSignal } = {}): Promise<CallerIdentity> {
  const x = await queryCall(c, 'sts', 'GetCallerIdentity', {}, o);
  return { arn: x.str('Arn'), userId: x.str('UserId'), account: x.str('Account') };
}
