import { join } from 'node:path';
import t from 'tap';
import { withCampaignLock } from './campaign-lock.js';

void t.test('one crashpath at a time carries out a campaign', async (t) => {
  const directory = t.testdir({ one: {}, other: {} });
  const one = join(directory, 'one');
  await withCampaignLock(one, async () => {
    await t.rejects(
      withCampaignLock(one, async () => t.fail('never')),
      {
        kind: 'usage',
        message: new RegExp(
          `^cannot continue campaign "${one}": another crashpath carries it out, process ${process.pid} on .*; wait for its end, or stop it$`,
        ),
      },
    );
    t.equal(await withCampaignLock(join(directory, 'other'), async () => 'free'), 'free');
  });
  t.equal(await withCampaignLock(one, async () => 'free again'), 'free again');
  await t.rejects(
    withCampaignLock(join(directory, 'none'), async () => 1),
    {
      kind: 'harness',
      message: /^cannot write ".*none": no such file or directory \(ENOENT\)/,
    },
  );
});
