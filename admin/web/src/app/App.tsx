// SPDX-License-Identifier: Apache-2.0
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { FileQuestion, ShieldAlert } from 'lucide-react';
import { useEffect } from 'react';
import { Redirect, Route, Router, Switch, useSearch } from 'wouter';
import { isAbort } from '../api/http';
import { t } from '../strings';
import { EmptyState, LinkButton, Loading, ToastRegion } from '../ui';
import { basePath } from './base';
import { useCan } from './permissions';
import { keepAsking, whenBack } from './reachable';
import { redirects, routes, type Route as Place } from './routes';
import { useSession } from './session';
import { Shell } from './Shell';
import { SignIn } from './SignIn';

const FRESH_MS = 10_000;

export const queries = new QueryClient({
  // The client tries again by itself where that makes sense.
  defaultOptions: { queries: { retry: false, staleTime: FRESH_MS, throwOnError: false, refetchOnWindowFocus: (q) => !isAbort(q.state.error) }, mutations: { retry: false } },
});
whenBack(() => void queries.invalidateQueries());

function Page({ route, params }: { route: Place; params: Record<string, string | undefined> }) {
  const checks = route.requires ?? [];
  const can = useCan(checks);
  if (checks.length > 0 && can.isLoading) return <Loading rows={6} />;
  if (!can.any) {
    return (
      <EmptyState page icon={ShieldAlert} title={t('app.noRight')}>
        {t('app.noRightAdvice', { action: checks[0]?.action ?? '' })}
      </EmptyState>
    );
  }
  const Content = route.page;
  return <Content params={params} />;
}

function NotFound() {
  useEffect(() => {
    document.title = `${t('app.notFound')} · Pail`;
  }, []);
  return (
    <EmptyState page icon={FileQuestion} title={t('app.notFound')} actions={<LinkButton href="/">{t('app.goHome')}</LinkButton>}>
      {t('app.notFoundAdvice')}
    </EmptyState>
  );
}

/** The router leaves what could be a separator as it is: %40 in the address of alice@example.com. */
function decoded(params: Record<string, string | undefined>): Record<string, string | undefined> {
  const whole = (text: string) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value === undefined ? undefined : whole(value)]));
}

function Places() {
  const search = useSearch();
  return (
    <Switch>
      {routes.map((r) => (
        <Route key={r.path} path={r.path}>
          {(params) => <Page route={r} params={decoded(params as Record<string, string | undefined>)} />}
        </Route>
      ))}
      {Object.entries(redirects).map(([from, to]) => (
        <Route key={from} path={from}>
          <Redirect to={to + (search ? `?${search}` : '')} replace />
        </Route>
      ))}
      <Route>
        <NotFound />
      </Route>
    </Switch>
  );
}

export function App() {
  const { status, credentials } = useSession();
  const owner = credentials?.accessKeyId;
  // What one user has loaded is not shown to the next.
  useEffect(() => {
    if (status === 'out') queries.clear();
  }, [status, owner]);
  useEffect(keepAsking, []);
  return (
    <QueryClientProvider client={queries}>
      <Router base={basePath}>{status === 'out' ? <SignIn /> : <Shell><Places /></Shell>}</Router>
      <ToastRegion />
    </QueryClientProvider>
  );
}
