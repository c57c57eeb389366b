#!/usr/bin/env node
/** `scripts/kvm-lab`: an emulated host with KVM, reached by ssh. docs/kvm-lab.md. */
import { readFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { execa } from 'execa';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { carryOut } from '../bench/carry-out.js';
import { interruptible } from '../cli/actions/interruptible.js';
import { cacheOptions, complain, PACKAGE_ROOT } from '../cli/context.js';
import { cacheDirectory } from '../cli/directories.js';
import { foldLine } from '../model/escape.js';
import { EXIT, usageFault } from '../model/fault.js';
import { readBoot } from './boot-lines.js';
import { bringUp } from './bring-up.js';
import { sshCommand } from './keys.js';
import {
  endLab,
  labName,
  labPaths,
  type LabState,
  runningLab,
  type Vendor,
  VENDORS,
} from './lab-directory.js';
import { QEMU_VERSIONS, suiteOfQemu } from './qemu-versions.js';

const PORTS: Readonly<Record<Vendor, number>> = { intel: 52_222, amd: 52_223 };

await carryOut('kvm-lab', async () => {
  let work: (() => Promise<number>) | undefined;
  const parser = yargs(hideBin(process.argv))
    .scriptName('scripts/kvm-lab')
    .usage(
      '$0 COMMAND\n\nAn emulated host with a working KVM, for machines without one. docs/kvm-lab.md has more.',
    )
    .option('vendor', { choices: VENDORS, default: 'intel' as const, describe: 'CPU of the host' })
    .command(
      'up',
      'Start the lab and wait until KVM is proved inside; prints the --host to use',
      (options) =>
        options
          .option('qemu', {
            type: 'string',
            default: '7.2',
            describe: `QEMU inside: ${QEMU_VERSIONS.join(', ')}`,
          })
          .option('port', { type: 'number', describe: 'Port of 127.0.0.1 (default: 52222, amd 52223)' })
          .option('minutes', { type: 'number', default: 30, describe: 'Limit of the wait' }),
      (argv) => {
        work = () => up(argv);
      },
    )
    .command(
      'ssh [words..]',
      'Run a command in the lab, or a shell',
      (options) => options.positional('words', { type: 'string', array: true, default: [] }),
      ({ vendor, words }) => {
        work = () => ssh(vendor, words);
      },
    )
    .command(
      'status',
      'Print what runs; 0 when the lab runs, else 1',
      (options) => options,
      ({ vendor }) => {
        work = () => status(vendor);
      },
    )
    .command(
      'down',
      'End the lab; nothing of it is left running',
      (options) => options,
      ({ vendor }) => {
        work = () => down(vendor);
      },
    )
    .example('$0 up', 'The Intel host, with QEMU 7.2')
    .example('$0 up --qemu 10.0', 'With another QEMU')
    .example("$0 ssh 'ls -l /dev/kvm'", 'A command in it')
    .demandCommand(1, 'name a command: up, ssh, status or down')
    .strict()
    .parserConfiguration({ 'parse-positional-numbers': false, 'unknown-options-as-args': false })
    .locale('en')
    .version(false)
    .exitProcess(false)
    .wrap(110)
    .fail((complaint, error: Error | undefined) => {
      throw error ?? usageFault(`cannot read the command line: ${complaint}`);
    });
  await parser.parseAsync();
  return (await work?.()) ?? EXIT.expected;
});

interface Up {
  readonly vendor: Vendor;
  readonly qemu: string;
  readonly port: number | undefined;
  readonly minutes: number;
}

async function up({ vendor, qemu, port = PORTS[vendor], minutes }: Up): Promise<number> {
  suiteOfQemu(qemu);
  if (!Number.isInteger(port) || port < 1024 || port > 65_535) {
    throw usageFault(`cannot use --port "${port}": it is no port of a user; give one from 1024 to 65535`);
  }
  if (!(minutes > 0)) throw usageFault(`cannot use --minutes "${minutes}": give a number above 0`);
  const stop = interruptible();
  try {
    const state = await bringUp(
      { vendor, qemu, port, limitMs: minutes * 60_000 },
      { ...cacheOptions(), packageRoot: PACKAGE_ROOT, signal: stop.signal },
    );
    if (!state.qemu.includes(`:${qemu}`))
      complain(`kvm-lab: it was running already, with QEMU ${state.qemu}; for another one: down, then up`);
    process.stdout.write(`${hostLines(state)}\n`);
    return EXIT.expected;
  } catch (error) {
    if (stop.caught === undefined) throw error;
    return 128 + stop.caught.number;
  } finally {
    stop.release();
  }
}

/** How to use it. */
function hostLines({ vendor, port }: LabState): string {
  const { sshConfig, key, knownHosts } = labPaths(cacheDirectory(), vendor);
  return [
    `--host ssh://root@127.0.0.1:${port}`,
    `key: ${key}`,
    `known_hosts: ${knownHosts}`,
    `or add the line "Include ${sshConfig}" at the top of ~/.ssh/config, and use --host ${labName(vendor)}`,
  ].join('\n');
}

async function ssh(vendor: Vendor, words: readonly string[]): Promise<number> {
  const paths = labPaths(cacheDirectory(), vendor);
  if ((await runningLab(paths)) === undefined) throw notRunning(vendor);
  const [file, ...args] = [...sshCommand(paths, vendor), ...words];
  const { exitCode, signal, code } = await execa(file ?? 'ssh', args, { stdio: 'inherit', reject: false });
  if (code === 'ENOENT') throw usageFault('cannot start "ssh": it is not installed; install openssh-client');
  return exitCode ?? 128 + constants.signals[signal ?? 'SIGTERM'];
}

async function status(vendor: Vendor): Promise<number> {
  const paths = labPaths(cacheDirectory(), vendor);
  const state = await runningLab(paths);
  if (state === undefined) {
    process.stdout.write(`${vendor}: not running\n`);
    return 1;
  }
  const minutes = Math.floor((Date.now() - state.startedAtMs) / 60_000);
  const step = readBoot(await readFile(paths.serial, 'latin1').catch(() => '')).steps.at(-1) ?? 'firmware';
  process.stdout.write(
    `${vendor}: process ${state.pid}, started ${minutes} min ago, QEMU ${state.qemu} inside; ${foldLine(step, 100)}\n${hostLines(state)}\n`,
  );
  return EXIT.expected;
}

async function down(vendor: Vendor): Promise<number> {
  const paths = labPaths(cacheDirectory(), vendor);
  const state = await runningLab(paths);
  if (state !== undefined) await endLab(paths, state);
  process.stdout.write(`${vendor}: ${state === undefined ? 'was not running' : 'ended'}\n`);
  return EXIT.expected;
}

function notRunning(vendor: Vendor): Error {
  return usageFault(`cannot reach the lab "${vendor}": it does not run; run scripts/kvm-lab up`);
}
