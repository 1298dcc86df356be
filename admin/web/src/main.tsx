// SPDX-License-Identifier: Apache-2.0
import './styles/tokens.css';
import './styles/base.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';
import { loadConsole } from './app/console';
import { finishProvider } from './app/oidc';
import { applyTheme, followSystem } from './app/theme';
import { t } from './strings';
import { ErrorState, toast } from './ui';

applyTheme();
followSystem();
const root = createRoot(document.getElementById('root') as HTMLElement);

async function start(): Promise<void> {
  try {
    await loadConsole();
  } catch (error) {
    root.render(<ErrorState error={Object.assign(new Error(t('app.consoleUnavailable')), { code: 'NetworkError', cause: error })} onRetry={() => void start()} />);
    return;
  }
  await finishProvider().catch((error: unknown) => toast.error(error));
  root.render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}

void start();
