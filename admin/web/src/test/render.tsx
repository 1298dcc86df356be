// SPDX-License-Identifier: Apache-2.0
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import type { ReactElement } from 'react';
import { Router } from 'wouter';
import { memoryLocation } from 'wouter/memory-location';
import { setConsoleInfo } from '../app/console';

/** As a page is in the application: queries without retries, an address that only the test changes. */
export function renderPage(element: ReactElement, path = '/') {
  setConsoleInfo({ version: 'test', endpoint: 'https://s3.example.org', port: 9000, region: 'us-east-1', providers: [], prefix: '/' });
  const location = memoryLocation({ path, record: true });
  const client = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const ui = render(
    <QueryClientProvider client={client}>
      <Router hook={location.hook}>{element}</Router>
    </QueryClientProvider>,
  );
  return { ...ui, client, location };
}
