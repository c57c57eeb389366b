import { type MachineProfile, MachineProfileSchema } from './machine-profile.js';
import { readYaml } from './read-yaml.js';

/**
 * Parses a machine profile's text. Throws a usage fault that names file, line and column, for bad YAML, a wrong type
 * or an unknown key.
 */
export function readMachineProfile(text: string, file: string): MachineProfile {
  const { value } = readYaml(text, file, {
    what: 'machine profile',
    schema: MachineProfileSchema,
    seeAlso: 'docs/machines.md',
  });
  return value;
}
