import t from 'tap';
import { HOSTILE, reportFixtures } from '../testing/recordings/reported-run.js';
import { showCampaign } from './show-campaign.js';

const { captured: CAPTURED, hung: HUNG } = reportFixtures();
const CAMPAIGN = {
  name: 't',
  createdAt: '2026-11-28T06:00:00.000Z',
  planned: 3,
  results: [
    { ...CAPTURED, runId: 'good' },
    { ...HUNG, runId: 'bad' },
  ],
  files: ['runs/t/report.html'],
};
const OPTIONS = { color: false, width: 100 };

t.test('a campaign shows its table, and its runs by name, the worst first', async (t) => {
  const text = showCampaign(CAMPAIGN, OPTIONS);
  t.match(text, /^campaign t, begun 2026-11-28T06:00:00\.000Z: 2 of 3 runs have ended\n/);
  t.match(text, /^2 runs: 1 expected, 1 unexpected/m);
  t.match(text, /^unexpected .* {2}bad$\n^expected .* {2}good$/m);
  t.match(text, /^1 file: runs\/t\/report\.html\n$/m);
  t.match(showCampaign({ ...CAMPAIGN, planned: undefined }, OPTIONS), /: 2 runs have ended/, 'of a sweep');
});

t.test('one that has not begun, one of many runs, and a name that a terminal would obey', async (t) => {
  t.match(showCampaign({ ...CAMPAIGN, results: [], files: [] }, OPTIONS), /: 0 of 3 runs have ended/);
  const many = Array.from({ length: 150 }, (_, index) => ({ ...CAPTURED, runId: `r${index}` }));
  t.match(showCampaign({ ...CAMPAIGN, results: many }, OPTIONS), /^and 50 more$/m);
  t.notMatch(showCampaign({ ...CAMPAIGN, summary: HOSTILE }, OPTIONS), '\u001b');
});
