import { keepLatest } from '../model/latest.js';
import { type KallsymsResult, parseKallsyms, relocateKallsyms } from '../symbols/index.js';

/** A kernel has 100,000 symbols and more; the runs of a campaign are about one or two, of which clones share the offset. */
const MOST_TABLES = 2;

const parsed = keepLatest(MOST_TABLES, (text: string) => parseKallsyms(text));
const moved = keepLatest(MOST_TABLES, (text: string) =>
  keepLatest(MOST_TABLES, (probes: string) => relocateKallsyms(text, probes)),
);

/** As `parseKallsyms`, once for the same text. */
export function parsedSymbols(text: string): KallsymsResult {
  return parsed(text);
}

/** As `relocateKallsyms`, once for the same text and the same probes. */
export function relocatedSymbols(text: string, probes: string): string | undefined {
  return moved(text)(probes);
}
