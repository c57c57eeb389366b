import { type Dirent, existsSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';

/** Levels below the output directory at which campaigns are looked for: `nights/<night>/<campaign>` is the third. */
const DEEPEST = 4;

/** A campaign directory below an output directory. */
export interface FoundCampaign {
  /** Relative to the output directory. */
  readonly path: string;
  /** Name of its night, for `nights/<night>/...`. */
  readonly night: string | undefined;
}

/** Finds all campaigns, in no particular order. Symbolic links are not followed. */
export function findCampaigns(outDirectory: string): FoundCampaign[] {
  const found: FoundCampaign[] = [];
  const visit = (path: string, level: number) => {
    for (const name of directoriesIn(join(outDirectory, path))) {
      const below = join(path, name);
      if (existsSync(join(outDirectory, below, 'campaign.json')))
        found.push({ path: below, night: nightOf(below) });
      else if (level < DEEPEST) visit(below, level + 1);
    }
  };
  visit('', 1);
  return found;
}

/** Names of the directories in a directory; none when it is gone or cannot be read. */
export function directoriesIn(path: string): string[] {
  let entries: Dirent[];
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
}

function nightOf(path: string): string | undefined {
  const [first, night] = path.split(sep);
  return first === 'nights' ? night : undefined;
}
