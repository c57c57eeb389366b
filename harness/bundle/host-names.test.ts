import t from 'tap';
import { createRedactor } from './host-names.js';

const redactor = createRedactor({
  hosts: ['acme-lab7.example.com', 'acme-lab7', 'localhost', 'q'],
  users: ['jdoe', 'root'],
  directories: ['/srv/acme secret/runs', '/root', '/'],
});

t.test('names, paths and process numbers are taken out of what the host wrote', (t) => {
  for (const [text, without] of [
    ["could not open '/home/jdoe/vm.img': denied", "could not open '<path>': denied"],
    ['terminating on signal 15 from pid 386 (node)', 'terminating on signal 15 from pid 0'],
    ['in /srv/acme secret/runs/x.bin', 'in <directory>'],
    ['ssh: JDoe@ACME-LAB7 refused', 'ssh: <user>@<host> refused'],
    ['acme-lab7.example.com: down', '<host>: down'],
    ['read "/tmp/with blank/é": EIO', 'read "<path>": EIO'],
    ['ssh://jdoe@box:22/x', 'ssh:<path>'],
    ['root cannot (see /etc/passwd)', 'root cannot (see <path>)'],
  ] as const) {
    t.equal(redactor.hostText(text), without, text);
  }
  t.end();
});

t.test("a guest's words and names inside other words stay", (t) => {
  for (const text of [
    'stack of /dev/ttyS0, /proc/vmcore, /sys/kernel/kexec_crash_loaded, /machine/unattached/device[0]',
    'cpu0 crash_nmi_callback+0x40/0x4a IF=0',
    'arch/x86/kernel/crash.c',
    'jdoes, acme-lab70, localhost, root, q',
    '1/2 of 3',
  ]) {
    t.equal(redactor.hostText(text), text);
  }
  t.equal(redactor.names('Run /init as acme-lab7, pid 12'), 'Run /init as <host>, pid 12');
  t.end();
});

t.test('what is left in bytes is counted by its kind', (t) => {
  t.strictSame(redactor.find(Buffer.from('jdoe acme-lab7 jdoe localhost root')), [
    { what: 'host name', times: 1 },
    { what: 'user name', times: 2 },
  ]);
  t.strictSame(redactor.find(Buffer.from('nothing of it')), []);
  t.end();
});
