import t from 'tap';
import { b64, frame, vmcoreFrame } from '../testing/builders/runs.js';
import { readControlLine } from './control.js';

const read = (content: Record<string, unknown>) => readControlLine(frame(content).trim());

void t.test('every frame of the guests', async (t) => {
  t.strictSame(read({ ev: 'hello', release: b64('6.1.0\n'), cpus: 4, modulesFailed: b64(' e1000.ko') }), {
    type: 'hello',
    release: '6.1.0\n',
    cpus: 4,
    modulesFailed: 'e1000.ko',
  });
  t.match(read({ ev: 'armed', id: 1, out: b64('loaded=1\n') }), { type: 'armed', armed: { loaded: true } });
  t.strictSame(read({ ev: 'firing', id: 2 }), { type: 'firing' });
  t.strictSame(read({ ev: 'reply', id: 3, status: 1, out: b64('a\xffb') }), {
    type: 'reply',
    id: 3,
    status: 1,
    output: Buffer.from('a\xffb').toString('latin1'),
  });
  t.match(read({ ev: 'reply', id: 3, status: 0, out: '', named: false }), { type: 'reply', named: false });
  t.match(read({ ev: 'reply', id: 3, status: 0, out: '', named: 'x' }), { type: 'control-noise' });
  t.strictSame(read({ ev: 'capture-hello', release: b64('6.1.0'), cmdline: b64('a b\n') }), {
    type: 'capture-hello',
    release: '6.1.0',
    commandLine: 'a b',
  });
  t.strictSame(read({ ev: 'vmcore-missing', why: b64('no /proc/vmcore') }), {
    type: 'vmcore-missing',
    why: 'no /proc/vmcore',
  });
  t.match(read({ ev: 'capture-facts', dmesgLines: 5, modulesFailed: '', interrupts: b64('  0:  5\n') }), {
    type: 'capture-facts',
    dmesgLines: 5,
    interrupts: '  0:  5\n',
  });
  t.strictSame(read({ ev: 'capture-done' }), { type: 'capture-done' });
  t.strictSame(read({ ev: 'capture-done', taint: 640 }), { type: 'capture-done', taint: 640 });
  t.strictSame(
    read({ ev: 'capture-done', taint: null }),
    { type: 'capture-done' },
    'a kernel without sysctl',
  );
  t.match(read({ ev: 'capture-done', taint: -1 }), { type: 'control-noise' });
  t.match(readControlLine(vmcoreFrame({ cpus: 3 }).trim()), {
    type: 'vmcore',
    vmcore: { prstatusNotes: 3, hasVmcoreinfo: true, nodename: 'cp-made' },
  });
});

void t.test('a frame behind an unfinished one is read', async (t) => {
  t.strictSame(readControlLine(`CP1 {"ev":"reply","id":1,"st${frame({ ev: 'capture-done' }).trim()}`), {
    type: 'capture-done',
  });
});

void t.test('what is no frame is noise', async (t) => {
  for (const line of [
    '',
    'hello',
    '{"ev":"capture-done"}',
    'CP2 {"ev":"capture-done"}',
    'CP1{"ev":"capture-done"}',
    'CP1 {"ev":"capture-done"',
    'CP1 {"ev":"captured"}',
    'CP1 {}',
    'CP1 {"ev":"firing"}',
    'CP1 {"ev":"firing","id":-1}',
    'CP1 {"ev":"firing","id":"1"}',
    'CP1 {"ev":"firing","id":1e99}',
    'CP1 {"ev":"reply","id":1,"status":0,"out":"not base64!"}',
    'CP1 {"ev":"vmcore","size":1,"head":"","notes":""}',
    'CP1 {"__proto__":{"ev":"capture-done"}}',
    'CP1 {"ev":["capture-done"]}',
  ]) {
    t.equal(readControlLine(line).type, 'control-noise', line);
  }
});

void t.test('noise is quoted safely and briefly', async (t) => {
  const event = readControlLine(`\x1b[2J${'x'.repeat(1000)}`);
  t.match(event, { type: 'control-noise', why: /^not a frame: \\x1b\[2Jx+\.\.\.$/ });
  t.ok('why' in event && event.why.length < 120);
});

void t.test('the memory that the first kernel lists right before firing', async (t) => {
  t.strictSame(read({ ev: 'firing', id: 2, online: '0-1', ram: '1000-9fbff,100000-2ffdffff,' }), {
    type: 'firing',
    online: [0, 1],
    ram: [
      { first: 0x1000n, last: 0x9fbffn },
      { first: 0x100000n, last: 0x2ffdffffn },
    ],
  });
  t.strictSame(read({ ev: 'firing', id: 2, ram: 'x,1-,-2,1-2 : System RAM,fffffffffffffff-1' }), {
    type: 'firing',
    ram: [],
  });
  t.strictSame(read({ ev: 'firing', id: 2 }), { type: 'firing' }, 'an older image');
});

void t.test('a vmcore frame without an ELF core is a missing vmcore', async (t) => {
  t.match(read({ ev: 'vmcore', size: 1, head: b64('not ELF'), notes: '', uts: '' }), {
    type: 'vmcore-missing',
    why: /ELF/,
  });
});

void t.test('the end of the dump that the capture kernel writes', async (t) => {
  t.strictSame(read({ ev: 'dump', status: 0, level: 31, said: '' }), {
    type: 'dump',
    status: 0,
    level: 31,
    said: '',
  });
  t.match(read({ ev: 'dump', status: 1, level: 1, said: b64('no disk\n') }), { status: 1, said: 'no disk' });
  const hostile = read({ ev: 'dump', status: 1, level: 1, said: b64('\u001b[2J'.repeat(500)) });
  t.ok(hostile.type === 'dump' && hostile.said.length <= 2000 && !hostile.said.includes('\u001b'));
  t.match(read({ ev: 'dump', status: 1, level: 1, said: b64('x'.repeat(5000)) }), { type: 'control-noise' });
  t.match(read({ ev: 'dump', status: -1, level: 1, said: '' }), { type: 'control-noise' });
});
