/**
 * Makes dist/command/: the command, dist/cli/start.js, with all that it loads, in a few files. Node takes half a second of
 * CPU to find, read and compile the eight hundred files of a run, and an eighth of that for the bundle. What commands load
 * late stays in files of its own. dist/cli/main.js takes the bundle when it is newer than what tsc wrote.
 */
import { readFile, rm } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const PACKAGE_ROOT = fileURLToPath(new URL('..', import.meta.url));
const OUT = fileURLToPath(new URL('../dist/command', import.meta.url));

/** Packages that look for files beside their own, or that few commands need. */
const EXTERNAL = ['iced-x86', 'node-sqlite3-wasm', 'ssh2', 'tar-stream', 'ws', 'xmlbuilder2'];

/** A module asks for files relative to itself: it is given the place that it would have without the bundle. */
const ownPlaces = {
  name: 'own places',
  setup(bundle) {
    bundle.onLoad({ filter: /\.m?js$/ }, async ({ path }) => {
      const text = await readFile(path, 'utf8');
      if (
        /\b__(?:dirname|filename)\b/.test(text) &&
        !/\b(?:const|let|var) __(?:dirname|filename)\b/.test(text)
      )
        return { errors: [{ text: 'looks for files beside its own: name its package in EXTERNAL' }] };
      if (!text.includes('import.meta.url')) return undefined;
      const place = `new URL(${JSON.stringify(relative(OUT, path))}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', place), loader: 'js' };
    });
  },
};

await rm(OUT, { recursive: true, force: true });
await build({
  absWorkingDir: PACKAGE_ROOT,
  entryPoints: { start: 'dist/cli/start.js' },
  outdir: OUT,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  external: EXTERNAL,
  plugins: [ownPlaces],
  sourcemap: true,
  sourcesContent: false,
  // CommonJS packages require() what node has.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  legalComments: 'none',
  logLevel: 'warning',
});
