// SPDX-License-Identifier: Apache-2.0
import { useNamed } from '../useNamed';
import type { PageProps } from '../../../app';
import { UserList } from './List';
import { UserPage } from './User';

export default function Page({ params }: PageProps) {
  const name = useNamed(params);
  return name === undefined ? <UserList /> : <UserPage key={name} name={name} />;
}
