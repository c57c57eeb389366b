import t from 'tap';
import { cpusAskedFor, maySilence, mergeWords, mistakeInWords, wordsOf } from './command-line.js';

const OWN = ['console=ttyS0,115200', 'irqpoll', 'nr_cpus=1', 'reset_devices'];
const merge = (...layers: string[]) => mergeWords([OWN, ...layers.map(wordsOf)]);

void t.test('words are split as the kernel does', async (t) => {
  t.strictSame(wordsOf(' a  b="c d"\te '), ['a', 'b="c d"', 'e']);
  t.strictSame(wordsOf('"a=b c" d'), ['"a=b c"', 'd']);
  t.strictSame(wordsOf(undefined), []);
});

void t.test('words that the kernel would not take as they are meant', async (t) => {
  for (const text of [
    ...['quiet -- x', '"--" x', 'a\nb', 'a="b', 'elfcorehdr=0x1000K', '"elfcorehdr=1@2"'],
    ...['quiet crashpath.vmcore=nonce', 'crashpath.exercise=nic'],
    ...['console=ttyS1', 'console=ttyS1,115200n8', 'earlyprintk=serial,ttyS1,115200', 'kgdboc=ttyS1,9600'],
    ...['console=uart8250,io,0x2f8,115200n8', 'earlycon=uart,io,0x2f8'],
  ]) {
    t.type(mistakeInWords(text), 'string', text);
  }
  for (const text of [
    ...['a=--', '"a=--"', '--x', 'my.elfcorehdr=1', 'note="elfcorehdr=1"', ''],
    ...['console=ttyS10', 'console=ttyS0,115200', 'console=ttyS2', 'earlyprintk=serial,0x3f8', 'note=ttyS1'],
    ...['my.crashpath.vmcore=1', 'crashpath=1', 'note=crashpath.vmcore=nonce'],
  ]) {
    t.equal(mistakeInWords(text), undefined, text);
  }
  t.equal(merge('"irqpoll"'), 'console=ttyS0,115200 "irqpoll" nr_cpus=1 reset_devices', 'quotes are no part');
});

void t.test("a word of the user replaces crashpath's of the same subject", async (t) => {
  t.equal(merge('quiet'), `${OWN.join(' ')} quiet`);
  t.equal(merge('nr_cpus=4'), 'console=ttyS0,115200 irqpoll nr_cpus=4 reset_devices');
  t.equal(
    merge('nr-cpus=4'),
    'console=ttyS0,115200 irqpoll nr-cpus=4 reset_devices',
    'as the kernel compares',
  );
  t.equal(merge('maxcpus=2'), 'console=ttyS0,115200 irqpoll maxcpus=2 reset_devices', 'nr_cpus=1 would win');
  t.equal(merge('nosmp'), 'console=ttyS0,115200 irqpoll nosmp reset_devices');
  t.equal(merge('xnr_cpus=4'), `${OWN.join(' ')} xnr_cpus=4`, 'another key');
  t.equal(merge('irqpoll'), OWN.join(' '), 'not twice');
});

void t.test('consoles: the same UART or none replaces, another device is added', async (t) => {
  const rest = 'irqpoll nr_cpus=1 reset_devices';
  t.equal(merge('console=ttyS0,9600'), `${rest} console=ttyS0,9600`);
  t.equal(merge('console=null'), `${rest} console=null`);
  t.equal(merge('console='), `${rest} console=`);
  t.equal(merge('console=uart8250,io,0x3f8,115200n8'), `${rest} console=uart8250,io,0x3f8,115200n8`);
  t.equal(merge('console=tty0'), `console=ttyS0,115200 ${rest} console=tty0`);
  t.equal(merge('console=ttyS01'), `console=ttyS0,115200 ${rest} console=ttyS01`, 'no such UART');
  t.equal(merge('console=tty0 console=ttyS0'), `${rest} console=tty0 console=ttyS0`);
});

void t.test('of the words of users, those give way that the kernel would not obey together', async (t) => {
  const given = (...layers: string[]) => mergeWords([[], ...layers.map(wordsOf)]);
  t.equal(given('nr_cpus=2 quiet', 'nr_cpus=4'), 'quiet nr_cpus=4', 'the smaller would win');
  t.equal(given('maxcpus=1', 'nr_cpus=4'), 'nr_cpus=4');
  t.equal(given('nr_cpus=4 maxcpus=2'), 'nr_cpus=4 maxcpus=2', 'one layer says both');
  t.equal(
    given('crashkernel=192M', 'crashkernel=1G,high crashkernel=72M,low'),
    'crashkernel=1G,high crashkernel=72M,low',
  );
  t.equal(given('mem=1G', 'mem=2G'), 'mem=2G');
  t.equal(given('panic=1', 'panic=-1'), 'panic=1 panic=-1', 'the kernel takes the last one');
  t.equal(given('memmap=1M$16M', 'memmap=1M$32M'), 'memmap=1M$16M memmap=1M$32M', 'both count');
});

void t.test('words that would swallow others are mistakes', async (t) => {
  t.match(mistakeInWords('a="b c'), /unclosed quote/);
  t.match(mistakeInWords('quiet\npanic=1'), /control character/);
  t.match(mistakeInWords('quiet -- x'), /behind --/);
  t.equal(mistakeInWords('a="b -- c" --x'), undefined);
  t.equal(mistakeInWords(undefined), undefined);
});

void t.test('the number of CPUs that a command line asks for', async (t) => {
  t.strictSame(cpusAskedFor('nr_cpus=4', 4), { count: 4, by: 'nr_cpus=4' });
  t.strictSame(cpusAskedFor('nr_cpus=8', 4), { count: 4, by: 'nr_cpus=8' });
  t.strictSame(cpusAskedFor('nr_cpus=3 maxcpus=2', 4), { count: 2, by: 'nr_cpus=3 maxcpus=2' });
  t.strictSame(cpusAskedFor('quiet maxcpus=0', 4), { count: 1, by: 'maxcpus=0' });
  t.strictSame(cpusAskedFor('nosmp', 4), { count: 1, by: 'nosmp' });
  t.equal(cpusAskedFor('quiet', 4), undefined);
  t.equal(cpusAskedFor('nr_cpus=x', 4), undefined);
});

void t.test('words that may silence a console', async (t) => {
  for (const word of [
    'quiet',
    'loglevel=1',
    'earlyprintk=ttyS0',
    'sysctl.kernel.printk=1',
    'printk.devkmsg=off',
  ]) {
    t.ok(maySilence(`${OWN.join(' ')} ${word}`), word);
  }
  t.notOk(maySilence(OWN.join(' ')));
  t.notOk(maySilence('x=quiet unquiet'));
});
