import { join } from 'node:path';
import t from 'tap';
import { loadCampaign } from './campaign-files.js';
import { PACKAGE_ROOT } from '../cli/context.js';

t.test('the showcase names scenarios that there are, and argues for each of them', async (t) => {
  const file = join(PACKAGE_ROOT, 'scripts/thread.yaml');
  const { cells } = await loadCampaign(
    file,
    { scenarios: [], kernels: [], scale: 1 },
    { packageRoot: PACKAGE_ROOT },
  );
  for (const { scenario, cell } of cells) t.ok(cell.why !== undefined, `${scenario.name} on ${cell.kernel}`);
  const expected = new Map(
    cells.map(({ scenario, cell }) => [`${scenario.name} ${cell.kernel}`, cell.expect]),
  );
  for (const scenario of ['ioapic-lock-held', 'ioapic-lock-own-cpu']) {
    t.match(expected.get(`${scenario} no-zap`), { verdict: 'crash-path-hang' });
    t.match(expected.get(`${scenario} zickus`), { verdict: 'captured' });
    t.match(expected.get(`${scenario} stock`), { verdict: 'captured' });
  }
});
