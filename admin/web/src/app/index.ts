// SPDX-License-Identifier: Apache-2.0
// What pages use of the application.
export { consoleInfo, s3Endpoint } from './console';
export { bucketArn, forgetPermissions, objectArn, useCan, type Can, type Check } from './permissions';
export type { PageProps } from './routes';
export { api, useSession } from './session';
