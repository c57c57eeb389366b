import { type NightFile, NightFileSchema, type NightSource } from './night-file.js';
import { readYaml } from '../plan/read-yaml.js';

/** A source of kernels with its column. */
export type NamedSource = NightSource & { readonly name: string };

/** A night's file without contradictions; nothing that it names has been looked at. */
export interface NightRead extends Omit<NightFile, 'kernels'> {
  readonly kernels: readonly NamedSource[];
}

/**
 * Parses a night's file. Throws a usage fault that names file, line and column, for a schema error and for two sources
 * of one name. Pure.
 */
export function readNight(text: string, file: string): NightRead {
  const read = readYaml<NightFile>(text, file, {
    what: 'night file',
    schema: NightFileSchema,
    seeAlso: 'docs/nightly.md',
  });
  const kernels = read.value.kernels.map((source): NamedSource => ({ ...source, name: nameOf(source) }));
  for (const [index, { name }] of kernels.entries()) {
    if (kernels.findIndex((other) => other.name === name) < index) {
      throw read.refuse(['kernels', index], `two sources are called "${name}"; give each its own name`);
    }
  }
  return { ...read.value, kernels };
}

function nameOf(source: NightSource): string {
  if (source.name !== undefined) return source.name;
  if ('directory' in source) return plain(source.directory.split('/').findLast((part) => part !== '') ?? '');
  if ('git' in source) return plain(source.ref);
  return plain('debian' in source ? source.debian : source.spec);
}

function plain(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+/, '')
    .slice(-40)
    .replace(/^-+|-+$/g, '');
  return name === '' ? 'kernel' : name;
}
