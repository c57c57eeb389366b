import { confirmName, TAKERS_NAME } from '../../sweep/crash-locks/confirm.js';
import { CONTEXTS } from '../../sweep/crash-locks/contexts.js';
import { holdName } from '../../sweep/crash-locks/hold-script.js';
import { atomicsName, findName, recordName } from '../../sweep/crash-locks/record-script.js';
import { HOLDERS } from '../../sweep/crash-locks/script.js';
import { pointName, traceName } from '../../sweep/script.js';

/** Names of scenarios that sweeps make, by what their runs are for. */
export const SCENARIO_NAMES_OF_SWEEPS = {
  questions: [
    ...CONTEXTS.flatMap((context) => HOLDERS.map((holder) => holdName(12, { holder, context }))),
    ...HOLDERS.map((holder) => confirmName(3, holder, 1)),
    pointName(7),
  ],
  controls: [
    ...CONTEXTS.flatMap((context) => [
      recordName(0, { context }),
      findName({ context }),
      atomicsName(2, { context }),
    ]),
    ...[TAKERS_NAME, traceName(1), traceName(2)],
  ],
};
