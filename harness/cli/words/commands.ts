import { ATTACH } from './attach.js';
import { AUTOPSY } from './autopsy.js';
import { BISECT } from './bisect.js';
import { BISECT_STEP } from './bisect-step.js';
import { BUNDLE } from './bundle.js';
import type { CommandWords, GroupWords } from './command-words.js';
import { COMPLETION } from './completion-script.js';
import { COMPARE } from './compare.js';
import { CRASHKERNEL_SIZE } from './crashkernel-size.js';
import { DIFF } from './diff.js';
import { DISTRIBUTION } from './distribution.js';
import { DOCTOR } from './doctor.js';
import { HISTORY } from './history.js';
import { HUNT } from './hunt.js';
import { IMAGE } from './image.js';
import { KERNEL } from './kernel.js';
import { LIST } from './list.js';
import { REPORT } from './report.js';
import { REPRO } from './repro.js';
import { NIGHTLY } from './nightly.js';
import { PROPOSE } from './propose.js';
import { RUN } from './run.js';
import { CLASSIFY, SHOW } from './stored-run.js';
import { READ } from './read.js';
import { SWEEP } from './sweep.js';

const GROUPS: Readonly<Record<string, GroupWords>> = {
  kernel: KERNEL,
  image: IMAGE,
  distribution: DISTRIBUTION,
};

/** All commands by name, in the order of the help; those that only hold others have no words. */
export const COMMANDS: Readonly<Record<string, CommandWords | undefined>> = {
  run: RUN,
  hunt: HUNT,
  compare: COMPARE,
  sweep: SWEEP,
  'crashkernel-size': CRASHKERNEL_SIZE,
  nightly: NIGHTLY,
  bisect: BISECT,
  'bisect-step': BISECT_STEP,
  propose: PROPOSE,
  list: LIST,
  show: SHOW,
  attach: ATTACH,
  classify: CLASSIFY,
  read: READ,
  autopsy: AUTOPSY,
  report: REPORT,
  diff: DIFF,
  history: HISTORY,
  bundle: BUNDLE,
  repro: REPRO,
  kernel: undefined,
  image: undefined,
  distribution: undefined,
  doctor: DOCTOR,
  completion: COMPLETION,
};

/** The commands that a command holds; undefined for an ordinary one. */
export function groupOf(name: string): GroupWords['commands'] | undefined {
  return Object.hasOwn(GROUPS, name) ? GROUPS[name]?.commands : undefined;
}
