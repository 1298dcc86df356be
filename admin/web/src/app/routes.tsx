// SPDX-License-Identifier: Apache-2.0
// Every place of the console, in one table: address, title, code, and what its user must be allowed to do to see it in the navigation.
import { Activity, Boxes, Cable, Database, FileClock, FolderTree, Gauge, HeartPulse, KeyRound, Layers, Lock, ScrollText, Settings, ShieldCheck, ShieldQuestion, Users, User, UserRoundCog, Building2, Fingerprint, type LucideIcon } from 'lucide-react';
import type { ComponentType, LazyExoticComponent } from 'react';
import type { Key } from '../strings';
import { lazily } from './lazily';
import type { Check } from './permissions';

export type Group = 'top' | 'storage' | 'identity' | 'monitoring' | 'system' | 'bottom' | 'hidden';
/** Pages get the parameters of their address, decoded. */
export type PageProps = { params: Record<string, string | undefined> };
export type Route = {
  path: string;
  title: Key;
  icon: LucideIcon;
  group: Group;
  page: LazyExoticComponent<ComponentType<PageProps>>;
  /** Any of these is enough. */
  requires?: Check[];
  /** Other words that the command palette finds it by. */
  words?: string;
};

const page = (load: () => Promise<{ default: ComponentType<PageProps> }>) => lazily(load);

export const routes: Route[] = [
  { path: '/', title: 'app.overview', icon: Gauge, group: 'top', page: page(() => import('../pages/overview')) },
  { path: '/objects/:bucket?', title: 'app.objects', icon: FolderTree, group: 'storage', page: page(() => import('../pages/objects')), words: 'browse files folders upload' },
  { path: '/buckets', title: 'app.buckets', icon: Database, group: 'storage', page: page(() => import('../pages/buckets')), words: 'create quota' },
  { path: '/buckets/:bucket/:section?', title: 'app.buckets', icon: Boxes, group: 'hidden', page: page(() => import('../pages/bucket')) },
  { path: '/identity/users/:name?', title: 'app.identityUsers', icon: User, group: 'identity', page: page(() => import('../pages/identity/users')), requires: [{ action: 'iam:ListUsers' }] },
  { path: '/identity/groups/:name?', title: 'app.identityGroups', icon: Users, group: 'identity', page: page(() => import('../pages/identity/groups')), requires: [{ action: 'iam:ListGroups' }] },
  { path: '/identity/roles/:name?', title: 'app.identityRoles', icon: UserRoundCog, group: 'identity', page: page(() => import('../pages/identity/roles')), requires: [{ action: 'iam:ListRoles' }] },
  { path: '/identity/policies/:name?', title: 'app.identityPolicies', icon: ShieldCheck, group: 'identity', page: page(() => import('../pages/identity/policies')), requires: [{ action: 'iam:ListPolicies' }] },
  { path: '/identity/keys', title: 'app.identityKeys', icon: KeyRound, group: 'identity', page: page(() => import('../pages/identity/keys')), requires: [{ action: 'iam:ListAccessKeys' }, { action: 'admin:ListServiceAccounts' }], words: 'service accounts secret' },
  { path: '/identity/providers', title: 'app.identityProviders', icon: Fingerprint, group: 'identity', page: page(() => import('../pages/identity/providers')), requires: [{ action: 'iam:ListOpenIDConnectProviders' }], words: 'oidc openid sso' },
  { path: '/identity/accounts', title: 'app.identityAccounts', icon: Building2, group: 'identity', page: page(() => import('../pages/identity/accounts')), requires: [{ action: 'pail:ListAccounts' }], words: 'tenants' },
  { path: '/identity/simulator', title: 'app.identitySimulator', icon: ShieldQuestion, group: 'identity', page: page(() => import('../pages/identity/simulator')), requires: [{ action: 'iam:SimulatePrincipalPolicy' }], words: 'may allowed denied why' },
  { path: '/monitoring/trace', title: 'app.monitoringTrace', icon: Activity, group: 'monitoring', page: page(() => import('../pages/monitoring/trace')), requires: [{ action: 'admin:ServerTrace' }], words: 'requests live' },
  { path: '/monitoring/audit', title: 'app.monitoringAudit', icon: FileClock, group: 'monitoring', page: page(() => import('../pages/monitoring/audit')), requires: [{ action: 'admin:ServerTrace' }], words: 'who requests history' },
  { path: '/monitoring/logs', title: 'app.monitoringLogs', icon: ScrollText, group: 'monitoring', page: page(() => import('../pages/monitoring/logs')), requires: [{ action: 'admin:ConsoleLog' }] },
  { path: '/system/health', title: 'app.systemHealth', icon: HeartPulse, group: 'system', page: page(() => import('../pages/system/health')), requires: [{ action: 'admin:ServerInfo' }], words: 'disk index workers scrub lifecycle' },
  { path: '/system/settings', title: 'app.systemSettings', icon: Settings, group: 'system', page: page(() => import('../pages/system/settings')), requires: [{ action: 'admin:ConfigUpdate' }], words: 'configuration' },
  { path: '/system/encryption', title: 'app.systemEncryption', icon: Lock, group: 'system', page: page(() => import('../pages/system/encryption')), requires: [{ action: 'pail:ListKeys' }], words: 'kms keys rotation' },
  { path: '/system/tiers', title: 'app.systemTiers', icon: Layers, group: 'system', page: page(() => import('../pages/system/tiers')), requires: [{ action: 'admin:ServerInfo' }], words: 'storage classes cold' },
  { path: '/connect', title: 'app.connect', icon: Cable, group: 'bottom', page: page(() => import('../pages/connect')), words: 'sdk snippets aws cli boto3 rclone terraform mc endpoint' },
  { path: '/profile', title: 'app.profile', icon: User, group: 'hidden', page: page(() => import('../pages/profile')), words: 'my keys password secret' },
];

/** Addresses that have moved, or that people type. */
export const redirects: Record<string, string> = {
  '/login': '/',
  '/browser': '/objects',
  '/identity': '/identity/users',
  '/monitoring': '/monitoring/trace',
  '/system': '/system/health',
  '/system/accounts': '/identity/accounts',
};

/** The address without its optional parameters: where the navigation leads. */
export const placeOf = (route: Route): string => route.path.replace(/\/:\w+\?/g, '');
