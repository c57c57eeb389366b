import { lstat, readdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { messageOf } from '../model/errno.js';
import { cellOverNights, lastGood, seeing, standingRegression } from '../night/former-nights.js';
import { nightsToRemove } from '../night/keep.js';
import type { NightFile } from '../night/night-file.js';
import { countOf } from '../report/words.js';
import { seenOf } from '../stats/tally.js';
import { VMCORE_FILE } from '../store/finish-dump.js';
import { removeKernels } from './kept-kernels.js';
import { endedNights, kernelsIn, readNights, type StoredNight } from './night-directory.js';

/**
 * Removes old nights, and the kernels that no night names any more. Nights of other names, unfinished ones and those that
 * later ones are compared with stay. Returns what was done and what could not be, in lines.
 */
export async function pruneNights(
  nights: string,
  { name, keep }: Pick<NightFile, 'name' | 'keep'>,
): Promise<string[]> {
  const { nights: all, someUnreadable } = await readNights(nights);
  const own = all.filter(({ record }) => record.name === name);
  const needed = neededNights(own, name);
  const kept = own.map(({ record, verdicts }) => ({
    night: record.night,
    ended: verdicts !== undefined,
    failed: verdicts !== undefined && hasFailed({ verdicts }),
    needed: needed.has(record.night),
  }));
  const remove = new Set(nightsToRemove(kept, keep));
  const lines: string[] = [];
  const stays: StoredNight[] = all.filter(({ record }) => record.name !== name || !remove.has(record.night));
  for (const { directory, record } of own.filter((one) => remove.has(one.record.night))) {
    try {
      const dumps = await dumpsIn(directory);
      await rm(directory, { recursive: true, force: true });
      lines.push(`night ${record.night} removed (keep: ${keep.nights} nights)${dumps}`);
    } catch (error) {
      lines.push(`cannot remove night "${directory}": ${messageOf(error)}; remove it`);
    }
  }
  // A night that cannot be read may need any of them.
  if (someUnreadable) return lines;
  const places = stays.flatMap(({ record }) => record.arms.map(({ kernel }) => basename(kernel.place)));
  return [...lines, ...(await removeKernels(kernelsIn(nights), new Set(places)))];
}

function hasFailed({ verdicts }: Required<Pick<StoredNight, 'verdicts'>>): boolean {
  if (verdicts === undefined) return false;
  return (
    verdicts.blind ||
    verdicts.cells.some(
      ({ word, tally }) =>
        word === 'regressed' || word === 'suspect' || tally.harnessErrors > 0 || seenOf(tally).failures > 0,
    )
  );
}

/** Nights that the next one of that name will be compared with. */
function neededNights(own: readonly StoredNight[], name: string): Set<string> {
  const ended = seeing(endedNights(own), name);
  const needed = new Set<string>();
  for (const { record } of ended) {
    for (const { scenario, machine, source } of record.cells) {
      const over = cellOverNights(ended, { scenario, machine, source });
      const good = lastGood(over, '');
      // The next build may be the one of that night once more: then the one before it is compared with.
      const before = good === undefined ? undefined : lastGood(over, good.kernel.sha256);
      const stands = standingRegression(over);
      for (const night of [good?.night, before?.night, stands?.last.night, stands?.since]) {
        if (night !== undefined) needed.add(night);
      }
    }
  }
  return needed;
}

/** How many dumps a night holds, and their size, for its line; empty when it has none. */
async function dumpsIn(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true });
  let bytes = 0;
  const dumps = names.filter((name) => basename(name) === VMCORE_FILE);
  for (const name of dumps) bytes += (await lstat(join(directory, name))).size;
  if (dumps.length === 0) return '';
  return `, with ${countOf(dumps.length, 'vmcore')} of ${Math.ceil(bytes / 1024 / 1024)} MiB`;
}
