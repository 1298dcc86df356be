// SPDX-License-Identifier: Apache-2.0
import { RotateCw } from 'lucide-react';
import { Component, type ReactNode } from 'react';
import { t } from '../strings';
import { Button, EmptyState } from '../ui';

/** A page that throws does not take the others with it. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error: unknown }> {
  override state: { error: unknown } = { error: null };

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <EmptyState
        page
        title={t('errors.crashed')}
        actions={
          <Button icon={RotateCw} onPress={() => location.reload()}>
            {t('app.tryAgain')}
          </Button>
        }
      >
        {t('errors.crashedAdvice')}
      </EmptyState>
    );
  }
}
