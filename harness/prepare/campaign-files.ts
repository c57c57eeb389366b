import { dirname, isAbsolute, join, resolve } from 'node:path';
import { Fault, usageFault } from '../model/fault.js';
import { campaignCells, type CampaignCell, type CampaignChoices, narrowed } from '../plan/campaign-cells.js';
import { type CampaignRead, type CampaignRowRead, readCampaign } from '../plan/read-campaign.js';
import { isScenarioPath, loadScenarios } from './scenario-files.js';
import { readTextFile } from './text-file.js';

/** A campaign file with its scenarios, ready to be planned. */
export interface LoadedCampaign {
  readonly name: string;
  readonly summary: string;
  readonly jobs: number | undefined;
  readonly cells: readonly CampaignCell[];
}

/**
 * Loads a campaign file and all its scenarios, also those that were not chosen, so that a mistake anywhere in the file
 * is found. Paths in the file are relative to it. Throws a usage fault that says what is wrong and where.
 */
export async function loadCampaign(reference: string, choices: CampaignChoices): Promise<LoadedCampaign> {
  const path = resolve(reference);
  const remedy = 'name a .yaml file as docs/campaigns.md describes it';
  const text = await readTextFile(path, { what: 'campaign file', reference, remedy });
  const campaign = withAbsoluteKernels(readCampaign(text, reference), dirname(path));
  const loaded = await Promise.all(
    campaign.rows.map(async (row) => [row.name, await scenariosOf(row, dirname(path))] as const),
  );
  const scenarios = new Map(loaded);
  const find = ({ name }: CampaignRowRead) => scenarios.get(name) ?? [];
  campaignCells(campaign, find);
  const cells = campaignCells(narrowed(campaign, choices), find);
  return { name: campaign.name, summary: campaign.summary, jobs: campaign.jobs, cells };
}

async function scenariosOf(row: CampaignRowRead, directory: string) {
  const { name } = row;
  try {
    return await loadScenarios(isScenarioPath(name) ? resolve(directory, name) : name);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw usageFault(`${row.refuse('its scenario cannot be run').message}: ${error.message}`, error);
  }
}

/** `./bzImage` means a file beside the campaign file; other specs are left alone. */
function withAbsoluteKernels(campaign: CampaignRead, directory: string): CampaignRead {
  const beside = (spec: string) =>
    /^\.\.?\//.test(spec) && !isAbsolute(spec) ? join(directory, spec) : spec;
  const kernels = [...campaign.kernels].map(([name, kernel]) => {
    const { spec, captureKernel } = kernel;
    const capture = captureKernel === undefined ? {} : { captureKernel: beside(captureKernel) };
    return [name, { ...kernel, spec: beside(spec), ...capture }] as const;
  });
  return { ...campaign, kernels: new Map(kernels) };
}
