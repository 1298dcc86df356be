// SPDX-License-Identifier: Apache-2.0
// Where the console lives: "" at the root of a host, "/prefix" below one. The server writes it into <base href>.
export const basePath: string = new URL(document.baseURI).pathname.replace(/\/[^/]*$/, '');
export const apiBase: string = `${location.origin}${basePath}/api`;
