import t from 'tap';
import { PACKAGE_ROOT } from '../cli/context.js';
import { madePlan } from '../testing/builders/runs.js';
import { loadMachines } from './machine-files.js';

const FILES = { packageRoot: PACKAGE_ROOT };
const { scenario } = madePlan();

void t.test(
  'profiles: those of the caller go for all, else the scenario decides, else the default',
  async (t) => {
    const own = { ...scenario, guest: { profile: ['pc', 'q35'] } };
    const none = await loadMachines({ named: [], scenarios: [scenario, own] }, FILES);
    t.strictSame(none(scenario), [undefined]);
    t.match(none(own), [{ profile: { name: 'pc' }, askedBy: 'scenario' }, { profile: { name: 'q35' } }]);
    const named = await loadMachines({ named: ['microvm'], scenarios: [scenario, own] }, FILES);
    t.match(named(own), [{ profile: { name: 'microvm' }, askedBy: 'caller' }]);
    await t.rejects(loadMachines({ named: ['pc', 'pc'], scenarios: [] }, FILES), {
      message: /"pc": it is named twice/,
    });
  },
);
