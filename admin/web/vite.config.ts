// SPDX-License-Identifier: Apache-2.0
// The build's result is embedded in the server's binary: no source maps, no inline scripts or styles, relative addresses only
// (the server sets <base href> when the console lives below a path prefix).
/// <reference types="vitest/config" />
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const server = process.env.PAIL_DEV_SERVER ?? 'http://127.0.0.1:9000';

/** In development the page talks to a server's S3 port, which has no /console.json. */
function consoleJson(): Plugin {
  return {
    name: 'pail-console-json',
    configureServer(dev) {
      dev.middlewares.use('/console.json', (_req, res) => {
        res.setHeader('Content-Type', 'application/json');
        res.end(JSON.stringify({ version: 'development', endpoint: server, region: 'us-east-1', providers: [], prefix: '/' }));
      });
    },
  };
}

export default defineConfig({
  base: './',
  plugins: [react(), consoleJson()],
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
    proxy: { '/api': { target: server, changeOrigin: false, rewrite: (path) => path.replace(/^\/api/, '') } },
  },
  test: {
    environment: 'jsdom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/test/setup.ts'],
    css: false,
    restoreMocks: true,
  },
});
