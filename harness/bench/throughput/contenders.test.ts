import t from 'tap';
import {
  CLONING,
  crashpathWords,
  isLetter,
  LETTERS,
  loopEnvironment,
  turnName,
  turnsOf,
} from './contenders.js';

void t.test('each round has every contender once, and begins with another one', (t) => {
  const order = turnsOf(['a', 'b', 'c'], 4).map(({ round, letter }) => `${round}${letter}`);
  t.strictSame(order, ['1a', '1b', '1c', '2b', '2c', '2a', '3c', '3a', '3b', '4a', '4b', '4c']);
  t.strictSame(turnsOf([], 3), []);
  t.strictSame(turnsOf(['e'], 2), [
    { round: 1, letter: 'e' },
    { round: 2, letter: 'e' },
  ]);
  t.end();
});

void t.test('letters are known by themselves, not as names of an object', (t) => {
  t.ok(LETTERS.every(isLetter));
  for (const wrong of ['f', '', 'A', 'toString', 'ab']) t.notOk(isLetter(wrong), wrong);
  t.end();
});

void t.test('only clones are cloned, and only they are repeated', (t) => {
  const shared = {
    ...{ kernel: 'debian:6.1', hangKernel: 'no-zap', accel: 'tcg', clones: 4, timeoutScale: 2, out: '/o' },
    choices: {},
  };
  const words = (letter: 'b' | 'c' | 'd' | 'e') => crashpathWords({ letter, round: 3 }, shared).join(' ');
  const [on, off] = [CLONING.on, CLONING.off].map((switches) => switches.map((word) => `${word} `).join(''));
  t.not(on, off);
  const rest = '--accel tcg --timeout-scale 2 --out /o --name';
  const of = 'run sysrq-task --kernel debian:6.1';
  t.equal(words('b'), `${of} --repeat 1 --jobs 1 ${off}${rest} fresh-3 --json`);
  t.equal(words('c'), `${of} --repeat 5 --jobs 1 ${on}${rest} clones-3 --json`);
  t.equal(words('d'), `${of} --repeat 5 --jobs 2 ${on}${rest} clones2-3 --json`);
  t.match(words('e'), `run ioapic-lock-held --kernel no-zap --repeat 1 --jobs 1 ${off}--accel `);
  const choices = { vmcore: 'mapped', repack: 'capture', memory: 512, append: 'quiet "a=b c"' } as const;
  const chosen = (letter: 'b' | 'd' | 'e') => crashpathWords({ letter, round: 3 }, { ...shared, choices });
  const passed = [
    '--repack',
    'capture',
    '--vmcore',
    'mapped',
    '--memory',
    '512',
    '--append',
    'quiet "a=b c"',
  ];
  for (const letter of ['b', 'd'] as const) {
    const at = chosen(letter).indexOf('--repack');
    t.strictSame(chosen(letter).slice(at, at + passed.length), passed, letter);
  }
  t.equal(chosen('e').join(' '), words('e'), 'the hang is another scenario');
  t.equal(turnName({ letter: 'd', round: 3 }), 'clones2-3');
  t.end();
});

void t.test("the loop gets the machine of crashpath's plan", (t) => {
  const args = ['-name', 'x', '-machine', 'q35', '-accel', 'kvm', '-cpu', 'host', '-smp', '2', '-m', '768M'];
  const plan = { append: 'crashkernel=192M', captureAppend: 'nr_cpus=1' };
  t.strictSame(loopEnvironment({ binary: '/q', args }, plan), {
    QEMU: '/q',
    MACHINE: 'q35',
    ACCEL: 'kvm',
    CPU: 'host',
    SMP: '2',
    MEMORY: '768M',
    APPEND: 'crashkernel=192M',
    CAPTURE_APPEND: 'nr_cpus=1',
  });
  t.throws(() => loopEnvironment({ binary: '/q', args: args.slice(4) }, plan), /have no -machine/);
  t.end();
});
