import { createServer, type Socket } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { connectQtest, type QtestClient, readl, setIrqIn, writel } from './index.js';

/** A server that answers each line with what `answer` says; undefined answers nothing. */
async function served(
  t: Test,
  answer: (line: string, socket: Socket) => string | undefined,
): Promise<{ client: QtestClient; received: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), 'qtest-'));
  const path = join(directory, 'qtest.sock');
  const received: string[] = [];
  const server = createServer((socket) => {
    let rest = '';
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes) => {
      const lines = (rest + bytes.toString('latin1')).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        received.push(line);
        const text = answer(line, socket);
        if (text !== undefined) socket.write(text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const client = await connectQtest({ path });
  t.teardown(async () => {
    client.close();
    server.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { client, received };
}

/** As QEMU 7.2 answers. */
const qemuSays = (line: string): string =>
  line.startsWith('readl')
    ? 'OK 0x0000000000000400\n'
    : line.includes('nowhere')
      ? 'FAIL Unknown device\n'
      : 'OK\n';

void t.test('commands are the lines that QEMU reads', async (t) => {
  const { client, received } = await served(t, qemuSays);
  await client.writel(0xfee0_1000, 0x400);
  t.equal(await client.readl(0x1000), 0x400);
  await client.setIrqIn({ device: '/machine/i440fx/ioapic', line: 9 }, 1);
  t.strictSame(received, [
    'writel 0xfee01000 0x400',
    'readl 0x1000',
    'set_irq_in /machine/i440fx/ioapic unnamed-gpio-in 9 1',
  ]);
});

void t.test('what could make QEMU assert is not sent', async (t) => {
  t.throws(() => setIrqIn({ device: '/machine/x y', line: 1 }, 1), {
    message: /no path in QEMU's object tree/u,
  });
  t.throws(() => setIrqIn({ device: 'ioapic', line: 1 }, 1), { message: /"ioapic"/u });
  t.throws(() => setIrqIn({ device: '/machine/ioapic', line: -1 }, 1), { message: /counted from 0/u });
  t.throws(() => writel(2 ** 32, 0), { message: /32 bits/u });
  t.throws(() => readl(0.5), { message: /32 bits/u });
});

void t.test('a refusal names its command, and the others of the call are done', async (t) => {
  const { client, received } = await served(t, qemuSays);
  const all = [writel(1, 2), setIrqIn({ device: '/machine/nowhere', line: 0 }, 1), readl(3)];
  await t.rejects(client.executeAll(all), {
    name: 'QtestProtocolError',
    message: /"set_irq_in \/machine\/nowhere.*FAIL Unknown device/u,
  });
  t.equal(received.length, 3);
  t.strictSame(await client.executeAll([readl(3), writel(1, 2)]), [0x400, undefined], 'it goes on');
  t.strictSame(await client.executeAll([]), []);
});

void t.test('a late answer is not taken for the next one', async (t) => {
  const { client } = await served(t, (line) => {
    if (line.startsWith('readl 0x1')) return undefined;
    return `OK 0x0000000000000007\n${qemuSays(line)}`;
  });
  await t.rejects(client.readl(1, { deadlineMs: 50 }), {
    name: 'QtestTimeoutError',
    message: /cannot do qtest "readl 0x1" within 50 ms/u,
  });
  t.equal(await client.readl(2), 0x400);
});

void t.test('answers may come in pieces, with an intercepted line among them', async (t) => {
  const { client } = await served(t, (_, socket) => {
    socket.write('IRQ raise 4\nO');
    setTimeout(() => socket.write('K 0x12\r\n'), 10);
    return undefined;
  });
  t.equal(await client.readl(0), 0x12);
});

void t.test('a peer that hangs up or talks nonsense ends everything that waits', async (t) => {
  const gone = await served(t, (_, socket) => void socket.end());
  await t.rejects(gone.client.executeAll([writel(1, 2), writel(3, 4)]), {
    name: 'QtestClosedError',
    message: /"writel 0x1 0x2 and 1 more": the connection is closed \(the peer closed/u,
  });
  await t.rejects(gone.client.writel(1, 2), { name: 'QtestClosedError' });
  const odd = await served(t, () => 'OKAY\n');
  await t.rejects(odd.client.readl(1), { message: /"OKAY" is no answer to "readl 0x1"/u });
  const long = await served(t, () => 'O'.repeat(5000));
  await t.rejects(long.client.readl(1), { message: /more than 4096 bytes/u });
  const bare = await served(t, () => 'OK\n');
  await t.rejects(bare.client.readl(1), { name: 'QtestProtocolError', message: /QEMU answered "OK"/u });
});

void t.test('connecting has its deadline and takes a signal', async (t) => {
  await t.rejects(connectQtest({ path: '/nonexistent/qtest.sock' }, { connectDeadlineMs: 60 }), {
    name: 'QtestTimeoutError',
    message: /within 60 ms: .*ENOENT.*is QEMU running, with -qtest/u,
  });
  const reason = new Error('enough');
  await t.rejects(connectQtest({ path: '/nonexistent/x' }, { signal: AbortSignal.abort(reason) }), reason);
});
