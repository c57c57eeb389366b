import t from 'tap';
import { type ConsoleReading, loopCosts } from './loop-phases.js';

/** Lines of a real console of the loop, in their order. */
const LINES = [
  '[    0.000000] Linux version 6.1.192-cp-stock (crashpath@crashpath)',
  '[    1.169872] Run /init as init process',
  '[    1.100000] shell-loop: init',
  '[    1.110000] shell-loop: armed',
  '[    1.596243] sysrq: Trigger a crash',
  '[    1.596479] Kernel panic - not syncing: sysrq triggered crash',
  '[    1.600123]  </TASK>',
  '[    0.000000] Linux version 6.1.192-cp-stock (crashpath@crashpath)',
  '[    0.900000] Run /init as init process',
  '[    0.900500] shell-loop: init',
  '[    0.901000] shell-loop: vmcore',
  '[    1.357923] reboot: Power down',
];

/** A reading after each line: a second of the host, and half a second of CPU, later than the one before. */
function readingsOf(lines: readonly string[]): ConsoleReading[] {
  let bytes = 0;
  const readings = [{ atMs: 100, cpuMs: 0, bytes }];
  for (const [index, line] of lines.entries()) {
    bytes += line.length + 1;
    readings.push({ atMs: 1000 * (index + 1), cpuMs: 500 * (index + 1), bytes });
  }
  return readings;
}

function costsOf(lines: readonly string[]) {
  const begin = { atMs: 0, cpuMs: 0 };
  const end = { atMs: 20_000, cpuMs: 9000 };
  return loopCosts(lines.map((line) => `${line}\n`).join(''), readingsOf(lines), { begin, end });
}

void t.test('a cycle has its phases in order, and they are all of it', (t) => {
  const { phases, captureBootCpuMs } = costsOf(LINES);
  t.strictSame(
    phases.map(({ phase, wallMs, cpuMs }) => [phase, wallMs, cpuMs]),
    [
      ['start', 100, 0],
      ['boot', 2900, 1500],
      ['arming', 1000, 500],
      ['fire', 2000, 1000],
      ['jump', 2000, 1000],
      ['capture-boot', 2000, 1000],
      ['proof', 1000, 500],
      ['end', 9000, 3500],
    ],
  );
  t.equal(captureBootCpuMs, 1500, "from the crashed kernel's last line to the init's first");
  t.end();
});

void t.test('what does not come is part of what ends', (t) => {
  const { phases, captureBootCpuMs } = costsOf(LINES.slice(0, 7));
  t.equal(captureBootCpuMs, null, 'no capture kernel, no floor');
  t.strictSame(
    phases.map(({ phase }) => phase),
    ['start', 'boot', 'arming', 'fire', 'end'],
  );
  const silent = costsOf([]);
  t.equal(silent.captureBootCpuMs, null);
  t.strictSame(silent.phases.at(-1), { phase: 'end', wallMs: 19_900, cpuMs: 9000 });
  t.equal(costsOf(LINES.slice(0, 9)).captureBootCpuMs, null, 'a capture kernel without its init');
  t.end();
});
