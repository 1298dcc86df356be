// SPDX-License-Identifier: Apache-2.0
import { t } from '../strings';
import { Dialog } from '../ui';
import { useSession } from './session';
import { SignInForm } from './SignIn';

/** The session is over while a page is open: asks over it, and the requests that waited go on. */
export function Expired() {
  const { status } = useSession();
  return (
    <Dialog isOpen={status === 'expired'} isModal onClose={() => {}} title={t('app.expiredTitle')}>
      <p>{t('app.expiredBody')}</p>
      <SignInForm again />
    </Dialog>
  );
}
