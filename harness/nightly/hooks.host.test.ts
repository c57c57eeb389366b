import { once } from 'node:events';
import { createServer } from 'node:net';
import { execa } from 'execa';
import t from 'tap';
import type { NightVerdicts } from '../model/night-verdict.js';
import { runHooks } from './hooks.js';

/** A mail server for one message: RFC 5321, as far as msmtp asks. */
async function mailSink() {
  let message = '';
  const server = createServer((connection) => {
    let rest = '';
    let inData = false;
    const answer = (line: string) => connection.write(`${line}\r\n`);
    answer('220 sink ESMTP');
    connection.on('data', (bytes: Buffer) => {
      const lines = `${rest}${bytes.toString('utf8')}`.split('\r\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (inData && line !== '.') message += `${line}\n`;
        else if (inData) answer('250 ok');
        else if (/^EHLO/i.test(line)) answer('250-sink\r\n250 8BITMIME');
        else answer(/^DATA/i.test(line) ? '354 go' : /^QUIT/i.test(line) ? '221 bye' : '250 ok');
        inData = (inData && line !== '.') || /^DATA$/i.test(line);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { port: address.port, message: () => message, close: () => server.close() };
}

const VERDICTS: NightVerdicts = {
  schema: 1,
  kind: 'night',
  night: '2026-11-27T013000Z',
  startedAt: '2026-11-27T01:30:00.000Z',
  endedAt: '2026-11-27T02:30:00.000Z',
  outOfBudget: false,
  blind: false,
  blindBecause: [],
  kernels: [],
  controls: [],
  cells: [],
  faults: ['.a fault that begins with a dot'],
};

const { failed } = await execa('msmtp', ['--version'], { reject: false });

t.test(
  'a mail hook with msmtp, and a mail server on this host',
  { skip: failed && 'msmtp is not installed' },
  async (t) => {
    const sink = await mailSink();
    t.teardown(() => sink.close());
    const options = [`--port=${sink.port}`, '--host=127.0.0.1', '--from=crashpath@example.org', '--tls=off'];
    const mail = ['msmtp', ...options, '--auth=off', '--', 'dev@example.org'];
    const outcome = { verdicts: VERDICTS, cells: [], text: '', markdown: '', exitCode: 3 };
    const about = { name: 'made', directory: '/nights/x', now: new Date('2026-11-27T02:30:00Z') };
    t.strictSame(await runHooks({ mail }, outcome, about), []);
    t.match(sink.message(), /^Subject: crashpath made 2026-11-27T013000Z: no cell was run, 1 fault$/m);
    t.match(sink.message(), /^To: dev@example.org$/m);
    t.match(sink.message(), /^Date: Fri, 27 Nov 2026 02:30:00 \+0000$/m);
    t.match(sink.message(), /^fault {8}\.a fault that begins with a dot$/m);
    const [failure] = await runHooks({ command: ['false'] }, outcome, about);
    t.match(failure, /^cannot run the hook "command" \(false\): .*; the night is in \/nights\/x$/);
  },
);
