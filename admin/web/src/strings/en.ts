// SPDX-License-Identifier: Apache-2.0
import { app } from './app';
import { buckets } from './buckets';
import { bucket } from './bucket';
import { connect } from './connect';
import { errors } from './errors';
import { identity } from './identity';
import { monitoring } from './monitoring';
import { objects } from './objects';
import { overview } from './overview';
import { profile } from './profile';
import { system } from './system';
import { ui } from './ui';

export const en = { app, bucket, buckets, connect, errors, identity, monitoring, objects, overview, profile, system, ui } as const;
