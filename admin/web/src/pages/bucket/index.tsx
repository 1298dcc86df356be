// SPDX-License-Identifier: Apache-2.0
import type { PageProps } from '../../app';
import { t } from '../../strings';
import { PageHeader } from '../../ui';

export default function Page(_: PageProps) {
  return <PageHeader title={t('app.buckets')} />;
}
