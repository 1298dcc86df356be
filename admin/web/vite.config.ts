// SPDX-License-Identifier: Apache-2.0
// The build's result is embedded in the server's binary: no source maps, no inline scripts or styles, relative addresses only
// (the server sets <base href> when the console lives below a path prefix).
/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

const server = process.env.PAIL_DEV_SERVER ?? 'http://127.0.0.1:9001';

/** The components' own few words come in 34 languages, which is a tenth of the first load: English stands for all until the console is translated. */
function oneLanguage(): Plugin {
  return {
    name: 'one-language',
    apply: 'build',
    load(id) {
      return /\/(react-aria|react-aria-components|react-stately)\/.*\/intl\/.*[a-z]{2}-[A-Z]{2}\.m?js$/.test(id) && !/en-US\.m?js$/.test(id) ? "export { default } from './en-US.mjs';" : null;
    },
  };
}

const strings = fileURLToPath(new URL('src/strings', import.meta.url));
const areas = readdirSync(strings).flatMap((file) => /^(\w+)\.ts$/.exec(file)?.[1] ?? []).filter((name) => !['area', 'en', 'index'].includes(name));

/** Who names a key ('objects.upload') imports its area's texts, so that they load with the pages that show them. */
function wordsWhereUsed(): Plugin {
  const key = new RegExp(`['"\`](${areas.join('|')})\\.\\w`, 'g');
  return {
    name: 'words-where-used',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/src\/.*\.tsx?$/.test(id) || id.startsWith(strings)) return null;
      const named = new Set([...code.matchAll(key)].map((m) => m[1]));
      return named.size === 0 ? null : { code: [...named].map((name) => `import ${JSON.stringify(`${strings}/${name}.ts`)};`).join('') + code, map: null };
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), oneLanguage(), wordsWhereUsed()],
  build: {
    outDir: process.env.PAIL_WEB_OUT ?? '../../build/web',
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1500,
  },
  worker: { format: 'es' },
  server: {
    host: '127.0.0.1',
    port: 5173,
    // The Host header stays as the browser sent it: it is part of what is signed.
    proxy: { '/api/': { target: server, changeOrigin: false }, '/console.json': { target: server, changeOrigin: false } },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    css: false,
    restoreMocks: true,
  },
});
