import { createReadStream } from 'node:fs';
import { access, open, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import which from 'which';
import { endGuest, type KeptGuest, keptGuests, statusOf } from '../../kept/kept-guests.js';
import { messageOf } from '../../model/errno.js';
import { escapeHostText } from '../../model/escape.js';
import { EXIT, harnessFault, usageFault } from '../../model/fault.js';
import type { SymbolFile } from '../../model/record.js';
import type { RunResult } from '../../model/result.js';
import { shellQuote } from '../../model/shell-words.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { gdbScript } from '../../report/gdb-script.js';
import { findRun } from '../../store/campaign-directory.js';
import { readPlan, readResult } from '../../store/run-directory.js';
import { readElf } from '../../symbols/elf.js';
import { say } from '../context.js';
import { cacheDirectory, outDirectory } from '../directories.js';
import type { AttachOptions } from '../words/attach.js';

const FILES = { script: 'attach.gdb', gdb: 'gdb.sock', qmp: 'qmp.sock' } as const;
const ELF_HEAD_BYTES = 64 * 1024;
const PT_LOAD = 1;

/** Carries out `crashpath attach`. Returns the exit code. */
export async function attach(argv: AttachOptions): Promise<number> {
  const { run, list, end, exec, vmlinux, json } = argv;
  if (list) {
    if (run !== undefined || end || exec || vmlinux !== undefined)
      throw usageFault(`cannot list guests and do something else: --list stands alone; leave out the rest`);
    return printGuests(json);
  }
  if (run === undefined)
    throw usageFault(`cannot attach to "": no run is named; name one, or see crashpath attach --list`);
  if (end && (exec || vmlinux !== undefined))
    throw usageFault(`cannot end a guest and attach to it: --end stands alone; leave out the rest`);
  const directory = await findRun(run, outDirectory(argv.out));
  const status = await statusOf(directory);
  const plan = await readPlan(directory);
  const result = await readResult(directory);
  if (status === undefined) throw usageFault(`cannot attach to run "${run}": ${whyNone(plan, result)}`);
  if (end) {
    await endGuest(directory);
    say(`${plan.runId}: its guest has ended`);
    return EXIT.expected;
  }
  const files = result !== undefined && 'pid' in (result.guestKept ?? {}) ? symbolsIn(result) : [];
  const ownSymbols = ordered(files, result);
  const moved = vmlinux === undefined ? undefined : await movedVmlinux(vmlinux, { plan, symbols: files });
  const script = gdbScript({ socket: FILES.gdb, symbols: ownSymbols, vmlinux: moved });
  await writeFile(join(directory, FILES.script), script, { mode: 0o600 });
  const gdb = ['gdb', '-nx', '-q', '-x', FILES.script];
  if (exec) return startGdb(gdb, directory);
  const symbols = ownSymbols.map(({ file }) => (file === moved?.replaces ? moved.path : file));
  const command = `cd ${shellQuote([directory])} && ${shellQuote(gdb)}`;
  const qmp = join(directory, FILES.qmp);
  process.stdout.write(
    json
      ? `${JSON.stringify({ runId: plan.runId, directory, ...status, gdb: command, qmp, symbols })}\n`
      : lines({ plan, result, status, command, qmp, symbols }),
  );
  return EXIT.expected;
}

/** Why a run has no guest, and what to do. */
function whyNone(plan: RunPlan, result: RunResult | undefined): string {
  const again = 'run the scenario again with --keep-failed';
  const name = plan.runId;
  if (result === undefined) return `it has no verdict: it is not over, or was cut off; ${again}`;
  const kept = result.guestKept;
  if (kept !== undefined && 'pid' in kept)
    return `its guest has ended: the limit of ${kept.forMinutes} minutes passed, or it was ended; ${again}`;
  if (kept !== undefined) return `its guest did not stay up: ${escapeHostText(kept.missing)}; ${again}`;
  if (result.verdict === 'captured')
    return `it captured, and its guest is off; see crashpath show ${name}, or keep its memory with --keep-vmcore all`;
  return `its guest ended with the run; ${again}`;
}

function symbolsIn({ guestKept }: RunResult) {
  return guestKept !== undefined && 'pid' in guestKept ? guestKept.symbols : [];
}

/** The kernel in which the run ended comes first. */
function ordered(files: readonly SymbolFile[], result: RunResult | undefined): readonly SymbolFile[] {
  return result?.verdict.startsWith('capture-') === true ? files.toReversed() : files;
}

/** How far KASLR moved a vmlinux. Throws a usage fault when it is none of the kernel that crashed. */
async function movedVmlinux(
  given: string,
  { plan, symbols }: { plan: RunPlan; symbols: readonly SymbolFile[] },
): Promise<{ path: string; offset: bigint; replaces: string }> {
  const path = resolve(given);
  const refuse = (why: string, cause?: unknown) =>
    usageFault(`cannot use --vmlinux "${given}": ${why}`, cause);
  let head: Buffer;
  try {
    await access(path);
    const file = await open(path);
    try {
      head = Buffer.alloc(ELF_HEAD_BYTES);
      await file.read(head, 0, ELF_HEAD_BYTES, 0);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw refuse(`${messageOf(error)}; give the vmlinux of ${plan.kernel.release}`, error);
  }
  const load = readElf(head)?.segments.find(({ type }) => type === PT_LOAD);
  if (load === undefined) throw refuse('it is no ELF file with segments; give an uncompressed vmlinux');
  if (!(await holds(path, `Linux version ${plan.kernel.release} (`)))
    throw refuse(`it is not of release ${plan.kernel.release}; give the vmlinux of the kernel that crashed`);
  const own = symbols.find(({ file }) => file.startsWith('first-'));
  if (own === undefined)
    throw refuse('the run does not know where the kernel lay in memory; attach without --vmlinux');
  const offset = BigInt(own.text) - BigInt.asUintN(64, BigInt(load.vaddr));
  return { path, offset, replaces: own.file };
}

async function holds(path: string, text: string): Promise<boolean> {
  let rest = '';
  const pieces = createReadStream(path, { highWaterMark: 4 * 1024 * 1024, encoding: 'latin1' });
  for await (const piece of pieces) {
    const chunk = rest + String(piece);
    if (chunk.includes(text)) return true;
    rest = chunk.slice(-text.length);
  }
  return false;
}

async function startGdb([file = '', ...args]: readonly string[], directory: string): Promise<number> {
  if ((await which(file, { nothrow: true })) === null)
    throw harnessFault('cannot start "gdb": it is not installed; run: apt-get install gdb');
  // Ctrl-C is gdb's.
  const ignore = () => undefined;
  process.on('SIGINT', ignore);
  try {
    const { exitCode } = await execa(file, args, { cwd: directory, stdio: 'inherit', reject: false });
    return exitCode ?? EXIT.harness;
  } finally {
    process.off('SIGINT', ignore);
  }
}

async function printGuests(json: boolean): Promise<number> {
  const guests = await keptGuests(cacheDirectory());
  for (const guest of guests) process.stdout.write(json ? `${JSON.stringify(guest)}\n` : guestLine(guest));
  if (guests.length === 0 && !json) say('no guest is up');
  return EXIT.expected;
}

function guestLine({ directory, pid, memoryMiB, leftMs }: KeptGuest): string {
  return `${escapeHostText(directory)}  pid ${pid}  ${memoryMiB} MiB  ${minutes(leftMs)} left\n`;
}

function minutes(ms: number): string {
  return `${Math.ceil(ms / 60_000)} min`;
}

function lines({
  plan,
  result,
  status,
  command,
  qmp,
  symbols,
}: {
  plan: RunPlan;
  result: RunResult | undefined;
  status: { pid: number; leftMs: number };
  command: string;
  qmp: string;
  symbols: readonly string[];
}): string {
  const verdict = result === undefined ? 'none' : `${result.verdict}: ${result.detail}`;
  const names = symbols.join(', ') || 'none: gdb shows addresses';
  return [
    `run      ${plan.runId}`,
    `verdict  ${verdict}`,
    `guest    QEMU ${plan.qemu.version}, pid ${status.pid}, stopped; ends in ${minutes(status.leftMs)}, or by --end`,
    `symbols  ${escapeHostText(names)}`,
    `qmp      ${escapeHostText(qmp)}`,
    `gdb      ${escapeHostText(command)}`,
    '',
  ].join('\n');
}
