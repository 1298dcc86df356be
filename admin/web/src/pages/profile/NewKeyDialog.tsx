// SPDX-License-Identifier: Apache-2.0
import { Download } from 'lucide-react';
import { useState } from 'react';
import type { AccessKey, NewAccessKey } from '../../api/iam';
import { t } from '../../strings';
import { Button, Callout, Checkbox, Copyable, Dialog, ErrorState, KeyValue, KeyValues } from '../../ui';

function save(key: NewAccessKey) {
  const text = `Access key ID,Secret access key\n${key.id},${key.secret}\n`;
  const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = `${key.id}.csv`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** The one time that a secret is shown. With old: the key that it replaces, which can be ended here. */
export function NewKeyDialog({ accessKey, old, onClose, onRetire }: { accessKey: NewAccessKey; old?: AccessKey | null; onClose: () => void; onRetire?: () => Promise<unknown> }) {
  const [retire, setRetire] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const done = async () => {
    if (!retire) return onClose();
    setBusy(true);
    setError(null);
    try {
      await onRetire?.();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      isOpen
      isModal
      onClose={onClose}
      title={t('profile.newKey')}
      footer={
        <>
          <Button icon={Download} onPress={() => save(accessKey)}>
            {t('profile.download')}
          </Button>
          <Button variant="primary" isPending={busy} onPress={() => void done()}>
            {t('profile.saved')}
          </Button>
        </>
      }
    >
      <Callout tone="warning">{t('profile.shownOnce')}</Callout>
      <KeyValues>
        <KeyValue label={t('profile.keyId')}>
          <Copyable value={accessKey.id} label={t('profile.copyKeyId')} />
        </KeyValue>
        <KeyValue label={t('profile.secret')}>
          <Copyable value={accessKey.secret} label={t('profile.copySecret')} />
        </KeyValue>
      </KeyValues>
      {old && <Checkbox label={t('profile.retire', { id: old.id })} description={t('profile.retireHelp')} isSelected={retire} onChange={setRetire} />}
      {error !== null && <ErrorState error={error} compact />}
    </Dialog>
  );
}
