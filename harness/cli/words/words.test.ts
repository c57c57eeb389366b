import t from 'tap';
import { cpus, crashkernel, factor, machineName, qemuName, text } from './option-values.js';
import { type Misused, usageMessage } from './usage-message.js';

t.test('option values', async (t) => {
  const usage = (work: () => unknown, says: RegExp) => {
    t.throws(work, { name: 'Fault', kind: 'usage', message: says });
  };
  t.equal(text('--x')(undefined), undefined);
  t.equal(text('--x')(''), '');
  t.equal(text('--x')('quiet "a b" ü'), 'quiet "a b" ü');
  usage(() => text('--x')('a\u0000b'), /control character/);
  usage(() => text('--x')(['a', 'b']), /--x "a" and "b": it is given 2 times/);
  t.equal(cpus('64'), 64);
  t.equal(cpus('08'), 8);
  for (const bad of ['', ' ', '65', '-1', '0x2', '2.0', '99999999999999999999'])
    usage(() => cpus(bad), /--cpus/);
  const scale = factor('--s', { least: 0.1, most: 100 });
  t.equal(scale('2.5'), 2.5);
  for (const bad of ['', '.', '0.05', '101', 'Infinity', '1e1']) usage(() => scale(bad), /--s/);
  for (const good of ['192M', '256M@64M', '1G', '512M-2G:64M,2G-:128M@16M', '1G,high', '1G,high 72M,low'])
    t.equal(crashkernel(good), good);
  for (const bad of [
    '',
    '192',
    '192m',
    'M',
    '192M,high x',
    '192M@',
    '72M,low',
    '192M 72M,low',
    '1M 2M',
    '4M,cma',
  ])
    usage(() => crashkernel(bad), /--crashkernel/);
  t.equal(machineName('pc,smm=off,hpet=off'), 'pc,smm=off,hpet=off');
  t.equal(machineName(undefined), undefined);
  for (const [bad, option] of [
    ['pc,smp.cpus=4', /--cpus/],
    ['q35,accel=kvm', /--accel/],
    ['q35,memory-backend=ram0', /--memory/],
    ['pc,append=x', /--append/],
  ] as const) {
    usage(() => machineName(bad), option);
  }
  const machine = qemuName('--m');
  for (const good of ['pc', 'pc-q35-7.2', 'pc,hpet=off', 'type=q35,smm=on', 'max,-x2apic,+ssse3']) {
    t.equal(machine(good), good);
  }
  for (const bad of ['', ' pc', 'pc,', 'pc;x', 'pc,a b', '$(x)', 'pc\n']) usage(() => machine(bad), /--m/);
});

t.test("messages of yargs become lines in crashpath's form", async (t) => {
  const misused: Misused = {
    words: ['run', '--kernell=a', '-x', 'more'],
    options: ['kernel', 'cpus'],
    commands: [],
    command: 'crashpath run',
  };
  const said = (complaint: string) => usageMessage(complaint, misused);
  t.match(
    said('Unknown argument: kernell'),
    /^cannot understand "--kernell": .* did you mean --kernel\? See/,
  );
  t.match(said('Unknown arguments: x, kernell'), /^cannot understand "-x": there is no such option; see/);
  t.match(said('Unknown argument: more'), /^cannot understand "more": it is one word too many/);
  t.match(said('Missing required arguments: a, b'), /--a and --b must be given/);
  t.match(said('Something\n new'), /^cannot understand the command line "run .*": Something new; see/);
  t.equal(said('cannot use --x "y": why; remedy'), 'cannot use --x "y": why; remedy');
});
