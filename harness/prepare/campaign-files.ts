import { dirname, resolve } from 'node:path';
import { specBeside } from '../kernel/index.js';
import { Fault, usageFault } from '../model/fault.js';
import type { Repack } from '../plan/guest-defaults.js';
import type { Scenario } from '../plan/scenario.js';
import { campaignCells, type CampaignCell, type CampaignChoices, narrowed } from '../plan/campaign-cells.js';
import { type CampaignRead, type CampaignRowRead, readCampaign } from '../plan/read-campaign.js';
import type { ShippedFiles } from './options.js';
import { loadScenarios } from './scenario-files.js';
import { isPath, readTextFile } from './yaml-files.js';

/** A campaign file with its scenarios, ready to be planned. */
export interface LoadedCampaign {
  readonly name: string;
  readonly summary: string;
  readonly jobs: CampaignRead['jobs'];
  readonly clone: boolean | undefined;
  readonly untilHang: number | undefined;
  readonly repack: Repack | undefined;
  readonly cells: readonly CampaignCell[];
}

/**
 * Which cells does a campaign file have? Loads all its scenarios, also those that were not selected, so that a mistake
 * anywhere in the file is found. Paths in the file are relative to it. Throws a usage fault that says what is wrong and
 * where.
 */
export async function loadCampaign(
  reference: string,
  choices: CampaignChoices,
  files: ShippedFiles,
): Promise<LoadedCampaign> {
  const path = resolve(reference);
  const remedy = 'name a .yaml file as docs/campaigns.md describes it';
  const text = await readTextFile(path, { what: 'campaign file', reference, remedy });
  const directory = dirname(path);
  const campaign = withAbsoluteKernels(readCampaign(text, reference), directory);
  const loaded = await Promise.all(
    campaign.rows.map(async (row) => [row.name, await scenariosOf(row, directory, files)] as const),
  );
  const scenarios = new Map(loaded);
  const find = ({ name }: CampaignRowRead) => scenarios.get(name) ?? [];
  campaignCells(campaign, find);
  const cells = campaignCells(narrowed(campaign, choices), find);
  const { name, summary, jobs, clone, untilHang, repack } = campaign;
  return { name, summary, jobs, clone, untilHang, repack, cells };
}

async function scenariosOf(
  row: CampaignRowRead,
  directory: string,
  files: ShippedFiles,
): Promise<Scenario[]> {
  const { name } = row;
  try {
    return await loadScenarios(isPath(name) ? resolve(directory, name) : name, files);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw usageFault(`${row.refuse('its scenario cannot be run').message}: ${error.message}`, error);
  }
}

/** `./bzImage` means a file next to the campaign file; other specs are unchanged. */
function withAbsoluteKernels(campaign: CampaignRead, directory: string): CampaignRead {
  const beside = (spec: string) => specBeside(spec, directory);
  const kernels = [...campaign.kernels].map(([name, kernel]) => {
    const { spec, captureKernel } = kernel;
    const capture = captureKernel === undefined ? {} : { captureKernel: beside(captureKernel) };
    return [name, { ...kernel, spec: beside(spec), ...capture }] as const;
  });
  return { ...campaign, kernels: new Map(kernels) };
}
