import { basename } from 'node:path';
import { isCutOff, type RunResult } from '../model/result.js';
import type { RunPlan } from '../plan/run-plan.js';
import { type BlockPlace, blocks } from '../report/page/blocks.js';
import { consoleLines } from '../report/page/console-lines.js';
import { page } from '../report/page/page.js';
import type { PageHost, PageInput } from '../report/page/page-input.js';
import { runIds } from '../report/page/run-ids.js';
import { runPage } from '../report/page/run-page.js';
import { reportPath } from '../store/campaign-directory.js';
import { sweptResult } from '../sweep/swept-run.js';
import { readPageAssets } from '../store/page-assets.js';
import { readMaterial } from '../store/run-material.js';
import { writeText } from '../store/stored-file.js';

/** What a page is made of, beside what the runs have recorded. */
export interface PageSubject extends Pick<PageInput, 'night' | 'comparison' | 'sweep' | 'locks' | 'history'> {
  readonly title: string;
  readonly crashpathVersion: string;
  readonly results: readonly RunResult[];
  /** All plans of the campaign; none: those of the runs. */
  readonly plans: readonly RunPlan[];
}

/**
 * Writes the report page of a campaign or a night into its directory. Throws a harness fault when it cannot be written.
 */
export async function writePage(directory: string, subject: Omit<PageSubject, 'title'>): Promise<void> {
  await writeText(reportPath(directory), await pageText({ title: basename(directory), ...subject }));
}

/** Runs with a section of their own: the page takes some milliseconds for each. Those that went worst come first. */
const MOST_SECTIONS = 2_000;

/** The report page of stored runs. One recording at a time is in memory. */
export async function pageText(subject: PageSubject): Promise<string> {
  const assets = await readPageAssets();
  const results = subject.results.filter((result) => !isCutOff(result)).map(sweptResult);
  const sections = blocks();
  const places = new Map<RunResult, BlockPlace>();
  const plans: RunPlan[] = [];
  const hosts = new Map<string, PageHost>();
  const shown = runIds(results).ordered.slice(0, MOST_SECTIONS);
  // In the order of the list: neighbours are alike, which compresses better.
  for (const result of shown) {
    const material = await readMaterial(result);
    const { plan } = material;
    if (plan !== undefined) {
      const host = hostOf(plan);
      hosts.set(JSON.stringify(host), host);
      // Ten thousand of them are not needed twice.
      if (subject.plans.length === 0) plans.push(plan);
    }
    const lines = consoleLines(shown.length, result.outcome);
    places.set(result, sections.add(runPage(material, { lines }).text));
  }
  const input: PageInput = {
    ...subject,
    results,
    plans: subject.plans.length > 0 ? subject.plans : plans,
    runs: { blocks: sections.finish(), places },
    hosts: [...hosts.values()],
    generatedAt: new Date().toISOString(),
  };
  return page(input, assets);
}

function hostOf({ host, accel, qemu }: RunPlan): PageHost {
  return { name: host, accel: accel.accel, accelReason: accel.reason, qemuVersion: qemu.version };
}
