import t from 'tap';
import { missingPrograms, parseHostFacts } from './host-facts.js';

const GOOD = [
  'home /root/.cache/crashpath',
  'boot c71c5868-7adc-47b2-9818-7b4107e749e9',
  'kernel Linux 6.1.0 x86_64',
  'cpus 4',
  'memory 2097152',
  'disk 1048576',
  'program cat',
  'program mkfifo',
  'program mv',
  'program rm',
  'program sha256sum',
  'program sleep',
  'program touch',
  'program tail',
  'end facts',
  '',
];

const changed = (from: string, to: string) =>
  parseHostFacts(GOOD.map((line) => (line.startsWith(`${from} `) ? to : line)).join('\n'));

t.test('what a host says', async (t) => {
  const facts = parseHostFacts(GOOD.join('\n'));
  t.match(facts, {
    cache: '/root/.cache/crashpath',
    bootId: 'c71c5868-7adc-47b2-9818-7b4107e749e9',
    kernel: 'Linux 6.1.0 x86_64',
    cpus: 4,
    memoryMib: 2048,
    diskMib: 1024,
  });
  t.equal(facts && missingPrograms(facts), undefined);
});

t.test('a hostile or poor answer', async (t) => {
  t.equal(parseHostFacts(GOOD.slice(0, -2).join('\n')), undefined, 'cut off');
  t.equal(changed('home', 'home relative/path'), undefined);
  t.equal(changed('home', 'home /a b'), undefined);
  t.equal(changed('home', `home /${'x'.repeat(300)}`), undefined);
  t.match(changed('boot', 'boot $(reboot)'), { bootId: undefined });
  t.match(changed('cpus', 'cpus 99999999'), { cpus: 4096 });
  t.match(changed('cpus', 'cpus 0'), { cpus: 1 });
  t.match(changed('cpus', 'cpus 1e9'), { cpus: 1 });
  t.match(changed('kernel', 'kernel \u001b[31m'), { kernel: 'an unknown system' });
  t.match(changed('disk', ''), { diskMib: undefined });
  const facts = changed('program', 'program CAT;');
  t.match(
    facts && missingPrograms(facts),
    /it has no cat \(for consoles\), mkfifo.*; install coreutils there/,
  );
});
