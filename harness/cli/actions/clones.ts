import {
  campaignTemplates,
  everyRunBoots,
  type Templates,
  type TemplatesOptions,
} from '../../campaign/templates.js';
import { progressText } from '../../report/run-progress.js';
import { say } from '../context.js';
import { cacheDirectory } from '../directories.js';

/** How the runs of a campaign begin, by what `--clone` and `--no-clone` say. The caller closes it. */
export function templatesFor(
  clone: boolean,
  options: Pick<TemplatesOptions, 'directory' | 'plans' | 'signal' | 'boots'>,
): Templates {
  if (!clone) return everyRunBoots('no-clone');
  const boots = {
    onEvent(name: string, event: Parameters<typeof progressText>[0]) {
      const text = progressText(event);
      if (text !== undefined) say(`${name}: ${text}`);
    },
  };
  return campaignTemplates({ boots, ...options, cacheDir: cacheDirectory(), onProgress: say });
}
