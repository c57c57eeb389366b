#!/usr/bin/env node
import { statSync } from 'node:fs';

/** What scripts/bundle-command.mjs makes of start.ts and all that it loads: a few files instead of eight hundred. */
const BUNDLED = new URL('../command/start.js', import.meta.url);

if (isNewer(BUNDLED, new URL(import.meta.url))) {
  // Stacks name the compiled files of the rooms.
  process.setSourceMapsEnabled(true);
  await import(BUNDLED.href);
} else {
  await import('./start.js');
}

/** tsc writes all files anew: a bundle that is older than this file was made of others. */
function isNewer(file: URL, than: URL): boolean {
  const writtenMs = (one: URL) => statSync(one, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  return writtenMs(file) >= writtenMs(than);
}
