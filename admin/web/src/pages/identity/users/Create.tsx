// SPDX-License-Identifier: Apache-2.0
// A user with groups, policies and a key at once. When a later step fails the user is there already: what was done is not done again.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useLocation } from 'wouter';
import * as iam from '../../../api/iam';
import { api, forgetPermissions, useCan, useSession } from '../../../app';
import { t } from '../../../strings';
import { Checkbox, FormDialog, TextField, toast } from '../../../ui';
import { NewKeyDialog } from '../../profile/NewKeyDialog';
import { Choices, policyChoices, usePolicies } from '../parts';
import { nameFits, pathFits, place } from '../places';

export function CreateUser({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const { who } = useSession();
  const resource = `arn:aws:iam::${who?.account ?? '*'}:user/*`;
  const can = useCan([{ action: 'iam:AttachUserPolicy', resource }, { action: 'iam:CreateAccessKey', resource }, { action: 'iam:ListPolicies' }, { action: 'iam:ListGroups' }, { action: 'iam:AddUserToGroup' }]);
  const [mayAttach, mayKey, mayPolicies, mayGroups, mayJoin] = can.allowed;
  const policies = usePolicies(Boolean(mayAttach && mayPolicies));
  const groups = useQuery({ queryKey: ['groups'], queryFn: ({ signal }) => iam.listGroups(api(), { signal }), enabled: Boolean(mayGroups && mayJoin) });
  const [name, setName] = useState('');
  const [path, setPath] = useState('');
  const [inGroups, setGroups] = useState<Set<string>>(new Set());
  const [attached, setAttached] = useState<Set<string>>(new Set());
  const [withKey, setWithKey] = useState(true);
  const [key, setKey] = useState<iam.NewAccessKey | null>(null);
  const done = useRef(new Set<string>());
  const badName = !nameFits(name, 'users');
  const badPath = !pathFits(path);

  const once = async (id: string, work: () => Promise<unknown>) => {
    if (done.current.has(id)) return;
    await work();
    done.current.add(id);
  };
  const send = async () => {
    await once('user', () => iam.createUser(api(), name, path ? { path } : {}));
    void client.invalidateQueries({ queryKey: ['users'] });
    for (const group of inGroups) await once(`g ${group}`, () => iam.addUserToGroup(api(), group, name));
    for (const arn of attached) await once(`p ${arn}`, () => iam.attachPolicy(api(), { kind: 'user', name }, arn));
    forgetPermissions();
    if (withKey && mayKey) setKey(await iam.createAccessKey(api(), name));
    else finish();
  };
  const finish = () => {
    void client.invalidateQueries({ queryKey: ['user', name] });
    void client.invalidateQueries({ queryKey: ['group'] });
    toast.success(t('identity.created_', { name }));
    go(place('users', name), { replace: true });
  };
  if (key) return <NewKeyDialog accessKey={key} onClose={finish} />;
  const started = done.current.has('user');
  return (
    <FormDialog size="lg" title={t('identity.createUser')} action={started ? t('identity.goOn') : t('identity.createUser')} isWrong={badName || badPath} onClose={onClose} onSend={send}>
      {(tried) => (
        <div className="stack">
          <div className="grid2" style={{ gridTemplateColumns: 'repeat(auto-fit, minmax(min(100%, 14rem), 1fr))' }}>
            <TextField label={t('identity.name')} value={name} onChange={setName} isRequired autoFocus isDisabled={started} maxLength={64} error={tried && badName ? t('identity.badName') : null} description={t('identity.nameHelp')} />
            <TextField label={t('identity.path')} value={path} onChange={setPath} placeholder="/" isDisabled={started} error={tried && badPath ? t('identity.badPath') : null} description={t('identity.pathHelp')} />
          </div>
          {groups.data && <Choices label={t('identity.groups')} options={groups.data.map((g) => ({ id: g.name, label: g.name }))} chosen={inGroups} onChange={setGroups} empty={t('identity.noGroups')} />}
          {policies.data && <Choices label={t('identity.policies')} options={policyChoices(policies.data) ?? []} chosen={attached} onChange={setAttached} empty={t('identity.nothingLeft')} />}
          {mayKey && <Checkbox label={t('identity.withKey')} description={t('identity.withKeyHelp')} isSelected={withKey} onChange={setWithKey} />}
        </div>
      )}
    </FormDialog>
  );
}
