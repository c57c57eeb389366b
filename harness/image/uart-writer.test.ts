import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import t, { type Test } from 'tap';

const LISTING = fileURLToPath(new URL('../../images/init/uart-writer.hex', import.meta.url));
/** Offsets are ports: of the second UART's registers, as a 16550 has them. */
const UART = 0x2f8;
const LINE_STATUS = UART + 5;
const HOLDING_REGISTER_EMPTY = 0x20;

/** Writes through the program to a file that stands for /dev/port, with the given line status. */
async function send(t: Test, input: string, lineStatus: number) {
  const program = join(t.testdir({}), 'uart-writer');
  const ports = `${program}.ports`;
  const listing = (await readFile(LISTING, 'utf8')).replace(/#.*/g, '').replace(/\s+/g, '');
  await writeFile(program, Buffer.from(listing, 'hex'), { mode: 0o755 });
  const registers = Buffer.alloc(UART + 8, 0xff);
  registers[LINE_STATUS] = lineStatus;
  await writeFile(ports, registers);
  const { exitCode } = await execa('sh', ['-c', '"$0" 1<>"$1"', program, ports], { input, reject: false });
  return { exitCode, uart: (await readFile(ports)).subarray(UART), program };
}

void t.test('bytes go out one after another, with no interrupt enabled', async (t) => {
  const { exitCode, uart } = await send(t, 'CP1 {}\n', HOLDING_REGISTER_EMPTY);
  t.equal(exitCode, 0);
  t.equal(uart[0], 0x0a, 'the last byte of the input is the last that was sent');
  t.equal(uart[1], 0, 'interrupt enable');
  t.equal(uart[3], 3, 'line control: divisor latch off');
  t.equal(uart[4], 3, 'modem control: no loopback');
});

void t.test('a UART that never sends does not block it forever', async (t) => {
  const { exitCode, uart } = await send(t, 'x', 0);
  t.equal(exitCode, 3);
  t.equal(uart[0], 0xff, 'and gets no byte');
});

void t.test('no input is no fault, no right to the ports is one', async (t) => {
  const { exitCode, program } = await send(t, '', 0);
  t.equal(exitCode, 0);
  const shut = await execa('sh', ['-c', '"$0" >/dev/full', program], { input: 'x', reject: false });
  t.equal(shut.exitCode, 1);
});
