// SPDX-License-Identifier: Apache-2.0
import { useState, type FormEvent } from 'react';
import { isApiError } from '../api/http';
import { t, tx } from '../strings';
import { Button, Callout, ErrorState, TextField } from '../ui';
import { consoleInfo } from './console';
import { Logo } from './Logo';
import { providerPlace, startProvider } from './oidc';
import { getSession, signIn, signOut } from './session';
import css from './SignIn.module.css';

/** The form alone: on its page, and in the dialog that asks again. */
export function SignInForm({ again }: { again?: boolean }) {
  const [key, setKey] = useState('');
  const [secret, setSecret] = useState('');
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (busy || !key || !secret) return;
    setBusy(true);
    setError(null);
    try {
      await signIn(key.trim(), secret);
      setSecret('');
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  };
  const wrong = isApiError(error, 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidClientTokenId', 'AccessDenied');
  const providers = consoleInfo().providers;
  return (
    <>
      <form className={css.form} onSubmit={(e) => void submit(e)}>
        <TextField label={t('app.accessKey')} name="username" autoComplete="username" value={key} onChange={setKey} autoFocus isRequired />
        <TextField label={t('app.secretKey')} name="password" type="password" autoComplete="current-password" value={secret} onChange={setSecret} isRequired />
        {error !== null &&
          (isWrongUser(error) ? (
            <Callout tone="danger">{t('app.wrongUser', { name: getSession().who?.name ?? '' })}</Callout>
          ) : wrong ? (
            <Callout tone="danger">{t('app.signInFailed')}</Callout>
          ) : (
            <ErrorState error={error} compact />
          ))}
        <Button type="submit" variant="primary" isPending={busy} isDisabled={!key || !secret}>
          {t('app.signIn')}
        </Button>
      </form>
      {providers.length > 0 && (
        <>
          <div className={css.or}>{t('app.orProvider')}</div>
          <div className={css.providers}>
            {providers.map((p) => (
              <ProviderButton key={p.id} name={p.name} place={providerPlace(p, providers)} onPress={() => startProvider(p)} />
            ))}
          </div>
        </>
      )}
      {again && (
        <div className={css.note}>
          <Button size="sm" variant="ghost" onPress={signOut}>
            {t('app.signOut')}
          </Button>
        </div>
      )}
    </>
  );
}

function ProviderButton({ name, place, onPress }: { name: string; place: string | null; onPress: () => void }) {
  const shown = <bdi>{name}</bdi>;
  return (
    <Button onPress={onPress}>
      <span>{place === null ? tx('app.signInWith', { name: shown }) : tx('app.signInWithAt', { name: shown, place: <bdi>{place}</bdi> })}</span>
    </Button>
  );
}

const isWrongUser = (error: unknown) => error instanceof Error && error.name === 'WrongUser';

export function SignIn() {
  return (
    <main className={css.page}>
      <title>{`${t('app.signIn')} · Pail`}</title>
      <div className={css.inner}>
        <div className={css.brand}>
          <Logo size={44} />
          <div>
            <h1>{t('app.signIn')}</h1>
            <p>{location.host}</p>
          </div>
        </div>
        <div className={css.card}>
          <SignInForm />
        </div>
        <p className={css.note}>{t('app.signInNote')}</p>
      </div>
    </main>
  );
}
