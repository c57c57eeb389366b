import {
  type CampaignFile,
  CampaignFileSchema,
  type CampaignKernel,
  type CampaignRow,
} from './campaign-file.js';
import { readYaml, type YamlFile } from './read-yaml.js';

/** A row with its defaults filled in. */
export interface CampaignRowRead extends Omit<CampaignRow, 'kernels' | 'repeat'> {
  /** Names of the kernels that run it, in the order of the columns. */
  readonly kernels: readonly string[];
  readonly repeat: number;
  /** The usage fault for a mistake in this row. */
  readonly refuse: (why: string, cause?: unknown) => Error;
}

/** A campaign file without contradictions; its scenarios are not loaded yet. */
export interface CampaignRead extends Omit<CampaignFile, 'kernels' | 'scenarios'> {
  /** Columns by name, in their order. */
  readonly kernels: ReadonlyMap<string, CampaignKernel>;
  readonly rows: readonly CampaignRowRead[];
}

/**
 * Parses a campaign file's text. Throws a usage fault that names file, line and column, for a schema error, a kernel
 * that no row runs, a duplicate row, and an expectation of a cell that does not exist. Pure.
 */
export function readCampaign(text: string, file: string): CampaignRead {
  const read = readYaml<CampaignFile>(text, file, {
    what: 'campaign file',
    schema: CampaignFileSchema,
    seeAlso: 'docs/campaigns.md',
  });
  const { kernels, scenarios, ...rest } = read.value;
  const rows = scenarios.map((row, index) =>
    readRow(typeof row === 'string' ? { name: row } : row, { read, index }),
  );
  for (const [index, { name }] of rows.entries()) {
    if (rows.findIndex((other) => other.name === name) < index) {
      throw read.refuse(['scenarios', index], `scenario "${name}" has a row already; drop one of them`);
    }
  }
  for (const name of Object.keys(kernels)) {
    if (rows.some((row) => row.kernels.includes(name))) continue;
    throw read.refuse(
      ['kernels', name],
      `no row runs the kernel "${name}"; drop it or name it in a row's kernels`,
    );
  }
  const columns = Object.entries(kernels).map(([name, kernel]): [string, CampaignKernel] => [
    name,
    typeof kernel === 'string' ? { spec: kernel } : kernel,
  ]);
  return { ...rest, kernels: new Map(columns), rows };
}

function readRow(
  row: CampaignRow,
  { read, index }: { read: YamlFile<CampaignFile>; index: number },
): CampaignRowRead {
  const known = Object.keys(read.value.kernels);
  const at = (...path: PropertyKey[]) => ['scenarios', index, ...path];
  for (const [place, name] of (row.kernels ?? []).entries()) {
    if (!known.includes(name)) {
      const why = `there is no kernel "${name}"; the file has ${known.join(', ')}`;
      throw read.refuse(at('kernels', place), why);
    }
    if (row.kernels?.indexOf(name) !== place) {
      throw read.refuse(at('kernels', place), `kernel "${name}" is named twice; drop one of them`);
    }
  }
  const kernels = known.filter((name) => row.kernels?.includes(name) ?? true);
  for (const name of Object.keys(row.expect ?? {})) {
    if (kernels.includes(name)) continue;
    const why = known.includes(name)
      ? `the row does not run the kernel "${name}", so that this cell does not exist; drop it or name the kernel`
      : `there is no kernel "${name}"; the file has ${known.join(', ')}`;
    throw read.refuse(at('expect', name), why);
  }
  return {
    ...row,
    kernels,
    repeat: row.repeat ?? read.value.repeat,
    refuse: (why, cause) => read.refuse(at(), why, cause),
  };
}
