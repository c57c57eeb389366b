import t from 'tap';
import { cleanLine } from './clean-line.js';

const PANIC = 'Kernel panic - not syncing: x';

void t.test('what collectors put before a line is taken off', async (t) => {
  for (const prefix of [
    '<0>',
    '<13>1 2024-03-05T12:00:00Z node1 kernel: ',
    'Mar  5 12:00:00 node1 kernel: ',
    'Mar  5 12:00:00 node1 kernel[0]: ',
    'Mar 05 12:00:00.123456 node1.example.org kernel: ',
    '2024-03-05T12:00:00+0100 node1 kernel: ',
    '2024-03-05T12:00:00.123456+01:00 node1 kernel: ',
    '2024-03-05 12:00:00,123 ',
    '[2024-03-05 12:00:00] ',
    '2024/03/05 12:00:00 ',
    '[Tue Mar  5 12:00:00 2024] ',
    'Tue Mar  5 12:00:00 2024 ',
    'Tue Mar  5 12:00:00 UTC 2024: ',
    '12:00:00.123 ',
    '[12:00:00] ',
    '(12:00:00) ',
    '[0.000123 0.000010] ',
    'kern  :emerg : ',
    'kernel: ',
    '> > ',
    '\u001b[0;1;31m',
    '\u0000\u0000\u0007',
    '\u00ef\u00bb\u00bf',
    '\u00ff\u00fe',
  ])
    t.equal(cleanLine(prefix + PANIC).text, PANIC, JSON.stringify(prefix));
});

void t.test('and what belongs to the line stays', async (t) => {
  for (const line of [
    PANIC,
    ' panic+0x1/0x2',
    '[   12.345678] systemd[1]: Started x',
    '[    1.000000][    T1] text',
    'Command line: root=/dev/sda1',
    'kdump[636]: saving vmcore',
    'app:error: Kernel panic - not syncing: a program',
    '5 apples: 3',
  ])
    t.equal(cleanLine(line).text, line, line);
  t.equal(
    cleanLine('Mar  5 12:00:00 n kernel:  panic+0x1/0x2').text,
    ' panic+0x1/0x2',
    'the indentation of a frame',
  );
  t.equal(cleanLine('2024-03-05T12:00:00Z Command line: a').text, 'Command line: a', 'it is no host');
  t.equal(cleanLine('Mar  5 12:00:00 n kernel: Command line: a').text, 'Command line: a');
  t.equal(cleanLine('Mar  5 12:00:00 n sshd[1]: Kernel panic - x').text, 'sshd[1]: Kernel panic - x');
  t.equal(cleanLine('Mar  5 12:00:00 n kdump[1]: saving').text, 'kdump[1]: saving');
  t.equal(cleanLine('Mar  5 12:00:00 192.0.2.1 [ 3504.916605] RBP').text, '[ 3504.916605] RBP');
});

void t.test('time stamps', async (t) => {
  t.match(cleanLine('[ 3504.916605] x'), { stampMs: 3504916.605, isTagged: false });
  t.match(cleanLine('Mar  5 12:00:00 n kernel: x'), { stampMs: undefined, isTagged: true });
  t.match(cleanLine('[   12.345678] n kernel: x'), {
    text: '[   12.345678] x',
    stampMs: 12345.678,
    isTagged: true,
  });
  t.match(cleanLine('0,2000,905001200,-,caller=T88;x'), {
    text: '[  905.001200] x',
    stampMs: 905001.2,
    isTagged: true,
  });
  t.match(cleanLine('6.1.0-x,6,1,12,-;y'), { text: '[    0.000012] y' }, 'with the release of netconsole');
  t.equal(
    cleanLine('an unfinished \u001b[[    1.000000] x').stampMs,
    1000,
    'a sequence that would take the stamp',
  );
  t.equal(cleanLine('[    1.0] x').stampMs, undefined, 'not of printk');
});
