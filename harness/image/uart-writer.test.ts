import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import t, { type Test } from 'tap';
import which from 'which';
import { listedProgram } from '../testing/builders/listed-program.js';

/** Offsets are ports: of the second UART's registers, as a 16550 has them. */
const UART = 0x2f8;
const LINE_STATUS = UART + 5;
const HOLDING_REGISTER_EMPTY = 0x20;
const ALL_SENT = 0x60;

/** Writes through the program to a file that stands for /dev/port, with the given line status. */
async function send(t: Test, input: string, lineStatus: number) {
  const { path: program } = await listedProgram(t, 'uart-writer');
  const ports = `${program}.ports`;
  const registers = Buffer.alloc(UART + 8, 0xff);
  registers[LINE_STATUS] = lineStatus;
  await writeFile(ports, registers);
  const { exitCode } = await execa('sh', ['-c', '"$0" 1<>"$1"', program, ports], { input, reject: false });
  return { exitCode, uart: (await readFile(ports)).subarray(UART), program };
}

void t.test('bytes go out one after another, with no interrupt enabled', async (t) => {
  const { exitCode, uart } = await send(t, 'CP1 {}\n', ALL_SENT);
  t.equal(exitCode, 0);
  t.equal(uart[0], 0x0a, 'the last byte of the input is the last that was sent');
  t.equal(uart[1], 0, 'interrupt enable');
  t.equal(uart[3], 3, 'line control: divisor latch off');
  t.equal(uart[4], 3, 'modem control: no loopback');
  t.equal(uart[2], 0xc1, 'FIFO control: on');
  // More than the FIFO takes at once.
  const text = 'CP1 {"ev":"capture-hello"}';
  for (let length = 1; length <= text.length; length++) {
    const part = text.slice(0, length);
    t.equal((await send(t, part, ALL_SENT)).uart[0], text.charCodeAt(length - 1), part);
  }
});

void t.test('a UART that never sends does not block it forever', async (t) => {
  const { exitCode, uart } = await send(t, 'x', 0);
  t.equal(exitCode, 3);
  t.equal(uart[0], 0xff, 'and gets no byte');
  const started = await send(t, 'x', HOLDING_REGISTER_EMPTY);
  t.equal(started.exitCode, 3, 'it took the byte, and never sent it');
  t.equal(started.uart[0], 0x78);
});

void t.test('no input is no fault, no right to the ports is one', async (t) => {
  const { exitCode, program } = await send(t, '', 0);
  t.equal(exitCode, 0);
  const shut = await execa('sh', ['-c', '"$0" >/dev/full', program], { input: 'x', reject: false });
  t.equal(shut.exitCode, 1);
});

const lacking = ['as', 'objcopy'].filter((name) => which.sync(name, { nothrow: true }) === null);
const skip = lacking.length === 0 ? false : `${lacking.join(', ')} of binutils is not installed`;
void t.test('the bytes are what its source assembles to', { skip }, async (t) => {
  const { wanted, found } = await (await listedProgram(t, 'uart-writer')).assembled();
  t.equal(found, wanted);
});
