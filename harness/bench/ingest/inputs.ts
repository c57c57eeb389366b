import type { Channel } from '../../model/record.js';

/** What a guest may print, as much of it as wanted. */
export interface IngestInput {
  readonly name: string;
  readonly about: string;
  readonly channel: Channel;
  /** Printed before. */
  readonly start: Buffer;
  /** At least 256 bytes that are printed again and again. */
  readonly period: Buffer;
}

/** Consoles of real runs that the inputs are made of. */
export interface Consoles {
  /** A boot, a panic, and the boot of the capture kernel. */
  readonly captured: Buffer;
  /** A kernel that prints one line for ever. */
  readonly flood: Buffer;
  /** A boot that ends in a panic with its report. */
  readonly panicked: Buffer;
  /** The control channel of a capture. */
  readonly control: Buffer;
}

/** Bytes of a piece that is handed on at a time, as the FIFO of a UART gives them. */
const PIECE_BYTES = 64 * 1024;
const NOTHING = Buffer.alloc(0);
const CAPTURE_START =
  '[    0.000000] Linux version 6.1.0-56-amd64 (x@y) #1 SMP\r\n[    0.000000] Command line: console=ttyS0 elfcorehdr=769396K\r\n';
const PERIOD_BYTES = 1024 * 1024;

/** The inputs of `npm run bench:ingest`, made of what real guests printed. Pure. */
export function ingestInputs({ captured, flood, panicked, control }: Consoles): IngestInput[] {
  const boot = captured.toString('latin1');
  const bootLines = boot.split(/\r*\n/);
  const kernelLines = bootLines.filter((line) => line.startsWith('['));
  const report = reportOf(panicked.toString('latin1').split(/\r*\n/));
  const storm = '[  101.437912] common_interrupt: 0.35 No irq handler for vector\r\n';
  const input = (name: string, about: string, text: string, channel: Channel = 'console') => ({
    ...{ name, about, channel, start: NOTHING },
    period: repeated(Buffer.from(text, 'latin1')),
  });
  // A capture kernel's lines are compared with most signatures.
  const inCapture = (one: IngestInput) => ({ ...one, start: Buffer.from(CAPTURE_START, 'latin1') });
  return [
    input(
      'boot',
      'the log of a boot, again and again, with no other kernel in it',
      lf(kernelLines.slice(3, 400)),
    ),
    input('runs', 'whole runs: boot, panic, boot of the capture kernel', boot),
    input('crlf', 'a boot whose lines end with CR CR LF', kernelLines.slice(3, 400).join('\r\r\n')),
    input('ansi', 'a boot in colours', kernelLines.slice(3, 400).map(coloured).join('\r\n')),
    input('flood', 'the end of a guest that prints for ever', flood.subarray(-16_384).toString('latin1')),
    inCapture(input('storm', 'one line of a capture kernel that is a signature', storm)),
    input('oopses', 'reports of oopses, without an end', lf(report)),
    input('long', 'lines without an end: 1 MiB each', `${'[    1.000000] BUG: '.repeat(50_000)}\n`),
    input('binary', 'noise', noise(PERIOD_BYTES).toString('latin1')),
    input('feeds', 'empty lines', '\r\n'.repeat(1024)),
    input('frames', 'the frames of a capture on the control channel', control.toString('latin1'), 'control'),
    input('no-frames', 'lines on the control channel that are no frames', 'x\ny\n', 'control'),
  ];
}

/** So many bytes of an input, in pieces as they come from a guest. */
export function* pieces({ start, period }: IngestInput, bytes: number): Generator<Buffer> {
  if (start.length > 0) yield start;
  for (let at = 0; at < bytes; at += PIECE_BYTES) {
    const from = at % period.length;
    const whole = Math.min(PIECE_BYTES, bytes - at);
    const first = period.subarray(from, from + whole);
    // A copy: what is kept of one piece keeps it, and not the whole input.
    yield first.length === whole
      ? Buffer.from(first)
      : Buffer.concat([first, period.subarray(0, whole - first.length)]);
  }
}

function repeated(bytes: Buffer): Buffer {
  const times = Math.max(1, Math.ceil(PERIOD_BYTES / bytes.length));
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}

function lf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** A report of an oops, made of the one of a panic: from its first line on. */
function reportOf(lines: readonly string[]): string[] {
  const from = lines.findIndex((line) => line.includes('Kernel panic - not syncing'));
  const frames = lines.slice(from + 1, from + 40);
  return ['[    1.000000] BUG: kernel NULL pointer dereference, address: 0000000000000008', ...frames];
}

function coloured(line: string): string {
  return line.replace(/^(\[[^\]]*\])/, '\u001b[32m$1\u001b[0m').replace(/(\w+:)/, '\u001b[33m$1\u001b[0m');
}

/** The same bytes each time (numbers of Park and Miller). */
function noise(bytes: number): Buffer {
  const made = Buffer.alloc(bytes);
  let state = 1;
  for (let at = 0; at < bytes; at += 1) {
    state = (state * 48_271) % 0x7fff_ffff;
    made[at] = state >> 8;
  }
  return made;
}
