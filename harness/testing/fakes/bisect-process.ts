/**
 * A process that carries a bisection on with a {@link FakeBench}, and is killed at its nth point: `node bisect-process.js
 * TREE DIRECTORY N`. Without a kill it prints the bisection.
 */
import { join } from 'node:path';
import { runBisect } from '../../bisect/run-bisect.js';
import { readBisection } from '../../bisect/state-file.js';
import { openRepository } from '../../kernel/index.js';
import { FakeBench } from './bench.js';

const [tree = '', directory = '', killAt = ''] = process.argv.slice(2);
let points = 0;
const point = () => {
  points += 1;
  if (points === Number(killAt)) process.kill(process.pid, 'SIGKILL');
};
const repository = await openRepository(tree);
const bisection = await runBisect(directory, await readBisection(directory), {
  repository,
  bench: new FakeBench(directory, repository, point),
  gitDirectory: join(directory, 'state.git'),
  signal: new AbortController().signal,
  onChange: point,
});
process.stdout.write(JSON.stringify(bisection));
