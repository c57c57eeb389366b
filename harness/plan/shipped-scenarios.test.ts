/** What holds for every scenario of this package. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { readScenarios } from './read-scenarios.js';

const FOLDER = 'scenarios';

t.test('no state is proved and then left to a wait', async (t) => {
  const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.yaml'));
  const scenarios = await Promise.all(
    files.map(async (file) => readScenarios(await readFile(join(FOLDER, file), 'utf8'), file)),
  );
  const choreographies = scenarios
    .flat()
    .flatMap(({ name, trigger }) =>
      trigger.kind === 'choreography' ? [{ name, steps: trigger.steps }] : [],
    );
  t.ok(choreographies.length > 10);
  for (const { name, steps } of choreographies) {
    const waits = steps.filter(
      (step) => ('fire' in step && step.fire.aloneMs > 0) || ('run' in step && step.run.forMs !== undefined),
    );
    // On a slow host a vCPU has not yet come to where the state is wanted.
    t.strictSame(waits, [], `${name} runs vCPUs to places`);
  }
});
