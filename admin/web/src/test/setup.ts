// SPDX-License-Identifier: Apache-2.0
import { cleanup } from '@testing-library/react';
import { afterEach } from 'vitest';

// What the components need of browsers and jsdom has not.
globalThis.CSS ??= { escape: (text: string) => text.replace(/[^\w-]/g, (c) => `\\${c}`) } as typeof CSS;
Element.prototype.scrollIntoView ??= () => {};
window.scrollTo = () => {};

afterEach(cleanup);
