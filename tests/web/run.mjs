#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The console in a real browser against the real server. Prints TAP.
//
//     node tests/web/run.mjs                   all cases but the large ones
//     node tests/web/run.mjs sign objects      those whose name has one of the words
//     PAIL_WEB_LANES=1 PAIL_WEB_DEBUG=1 ...    one at a time; a screenshot of what failed in build/test/web/
import { readdirSync } from 'node:fs';
import { prepare } from './data.mjs';
import { main } from './lib/rig.mjs';

for (const file of readdirSync(new URL('./cases/', import.meta.url)).sort()) if (file.endsWith('.mjs')) await import(`./cases/${file}`);
await main({ words: process.argv.slice(2), lanes: Number(process.env.PAIL_WEB_LANES ?? 2), prepare });
