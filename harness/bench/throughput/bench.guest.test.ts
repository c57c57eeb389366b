import { join } from 'node:path';
import { execa } from 'execa';
import t from 'tap';
import { PACKAGE_ROOT } from '../../cli/context.js';
import { CRASHPATH, KERNELS } from '../../testing/crashpath-command.js';
import { scratch } from '../../testing/files.js';
import { eventually, qemusUnder } from '../../testing/processes.js';
import { BenchSchema } from './summary.js';

const MAIN = join(PACKAGE_ROOT, 'dist/bench/throughput/main.js');
const LIFETIME_MS = 300_000;

void t.test(
  'a stopped bench ends its guests, and prints the cycle of the loop that is complete',
  async (t) => {
    const out = await scratch(t);
    const [program, ...before] = [...CRASHPATH.slice(0, -1), MAIN];
    const words = [
      '-k',
      KERNELS.six1,
      '--only',
      'a,b',
      '--rounds',
      '1',
      '--accel',
      'tcg',
      '--json',
      '--out',
      out,
    ];
    const bench = execa(program ?? '', [...before, ...words], {
      ...{ reject: false, stdin: 'ignore', timeout: LIFETIME_MS },
    });
    const isRunning = async () => {
      const [qemu] = await qemusUnder(out);
      return qemu === undefined ? undefined : true;
    };
    // The loop's QEMU runs in the loop's own directory, which is this process's.
    t.equal(await eventually(isRunning, LIFETIME_MS), true, 'the run of crashpath has begun');
    bench.kill('SIGINT');
    const { exitCode, stdout, stderr } = await bench;
    t.equal(exitCode, 130, stderr);
    t.strictSame(await qemusUnder(out), [], 'no QEMU is left');
    const { stopped, contenders, floor, goals } = BenchSchema.parse(JSON.parse(stdout));
    t.equal(stopped, true);
    const [loop, fresh] = contenders;
    t.match(loop, { letter: 'a', turns: 1, failed: [], memory: { armed: { pssKiB: { count: 1 } } } });
    t.match(fresh, { letter: 'b', turns: 0, capture: null });
    // QEMU may end before its console is looked at again: then the look at /proc/vmcore is part of the end.
    t.strictSame(
      loop?.phases.map(({ phase }) => phase).filter((phase) => phase !== 'proof'),
      ['start', 'boot', 'arming', 'fire', 'jump', 'capture-boot', 'end'],
    );
    const cpuMs = loop?.capture?.cpuMs.median ?? 0;
    const floorMs = floor.cpuMs?.median ?? 0;
    t.ok(floorMs > 0 && floorMs < cpuMs, `the floor, ${floorMs} ms, is a part of ${cpuMs} ms`);
    t.ok(
      goals.every(({ met }) => met === null),
      'what did not run is neither met nor missed',
    );
  },
);
