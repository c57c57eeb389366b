/**
 * Makes the report page's script and style sheet, which `tsc` does not: harness/report/page/browser and .../style become
 * dist/report/page/assets/page.js and page.css, one file each, which crashpath puts into every page.
 */
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PACKAGE_ROOT = fileURLToPath(new URL('..', import.meta.url));

await build({
  absWorkingDir: PACKAGE_ROOT,
  entryPoints: { page: 'harness/report/page/browser/main.ts' },
  outdir: 'dist/report/page/assets',
  bundle: true,
  minify: true,
  format: 'iife',
  target: ['chrome123', 'firefox120', 'safari17.5'],
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
});
await build({
  absWorkingDir: PACKAGE_ROOT,
  entryPoints: { page: 'harness/report/page/style/page.css' },
  outdir: 'dist/report/page/assets',
  bundle: true,
  minify: true,
  target: ['chrome123', 'firefox120', 'safari17.5'],
  logLevel: 'warning',
});
