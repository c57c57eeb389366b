import {
  campaignTemplates,
  everyRunBoots,
  type Templates,
  type TemplatesOptions,
} from '../../campaign/templates.js';
import { say } from '../context.js';
import { cacheDirectory } from '../directories.js';

/** How the runs of a campaign begin, by what `--clone` and `--no-clone` say. The caller closes it. */
export function templatesFor(
  clone: boolean,
  options: Pick<TemplatesOptions, 'directory' | 'plans' | 'signal'>,
): Templates {
  if (!clone) return everyRunBoots('no-clone');
  return campaignTemplates({ ...options, cacheDir: cacheDirectory(), onProgress: say });
}
