import type { Channel, HostFact, RunRecord } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import type { Scenario } from '../../plan/scenario.js';
import { limitsFor } from '../../plan/limits.js';

/** Release of the made runs' kernel. */
export const RELEASE = '6.1.0-56-amd64';
export const NONCE = 'cp-made';
/** The crash kernel's reservation and segments in made runs; purgatory is the last segment. */
export const CRASH_RANGE = '1b000000-26ffffff';
export const PURGATORY_RIP = 0x26f54760n;
export const CAPTURE_START_RIP = 0x24000200n;
/** Page tables inside the reservation, and of the first kernel. */
export const CRASH_CR3 = 0x1b001000n;
export const FIRST_CR3 = 0x13a8000n;

/** A plan for a made run: two CPUs, a nonce, default TCG limits. */
export function madePlan(changes: { cpus?: number; scenario?: Partial<Scenario> } = {}): RunPlan {
  const kernel = {
    spec: '/kernels/made',
    release: RELEASE,
    label: RELEASE,
    sha256: '0'.repeat(64),
    bzImage: '/kernels/made/vmlinuz',
  };
  return {
    schema: 1,
    campaign: 'made',
    runId: 'made',
    trial: 1,
    scenario: {
      version: 1,
      name: 'made',
      summary: 'made',
      evidence: [],
      guest: {},
      crashKernel: 'loaded',
      beforeLoading: [],
      prepare: [],
      sources: [],
      prove: [],
      proveCapture: [],
      trigger: { kind: 'sysrq', key: 'c' },
      expect: { verdict: 'captured' },
      ...changes.scenario,
    },
    kernel,
    captureKernel: kernel,
    accel: { accel: 'tcg', reason: 'made' },
    machine: { type: 'pc', cpuModel: 'max', cpus: changes.cpus ?? 2, memoryMiB: 768 },
    append: 'console=ttyS0',
    captureAppend: 'console=ttyS0',
    loadSyscall: 'kexec_load',
    modules: [],
    nonce: NONCE,
    limits: limitsFor('tcg', { scale: 1 }),
    timeoutScale: 1,
    qemu: { binary: 'qemu', version: '7.2', args: [] },
  };
}

/** Base64 of a text, as the guest sends it. */
export function b64(text: string | Buffer): string {
  return Buffer.from(text).toString('base64');
}

/** One line of the control channel. */
export function frame(content: Record<string, unknown>): string {
  return `CP1 ${JSON.stringify(content)}\n`;
}

/** An ELF note with padded name and description. */
export function elfNote(name: string, type: number, description: Buffer): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(name.length + 1, 0);
  header.writeUInt32LE(description.length, 4);
  header.writeUInt32LE(type, 8);
  const pad = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  return Buffer.concat([header, pad(Buffer.from(`${name}\0`, 'latin1')), pad(description)]);
}

/** The head of an ELF64 core file. */
export function coreHead(): Buffer {
  const head = Buffer.alloc(64);
  head.write('\x7fELF\x02\x01\x01', 'latin1');
  head.writeUInt16LE(4, 16);
  return head;
}

/** The head of init_uts_ns with a host name, with `before` bytes in front of sysname. */
export function utsNamespace(nodename: string, before = 0): Buffer {
  const bytes = Buffer.alloc(before + 6 * 65);
  bytes.write('Linux', before, 'latin1');
  bytes.write(nodename, before + 65, 'latin1');
  return bytes;
}

/** A CPU's NT_PRSTATUS note: struct elf_prstatus of 64 bits with a stack pointer of its own. */
export function prstatusNote(cpu: number): Buffer {
  const description = Buffer.alloc(336);
  description.writeBigUInt64LE(0xffffc90000000000n + BigInt(cpu) * 0x4000n, 112 + 19 * 8);
  return elfNote('CORE', 1, description);
}

/** A vmcore frame of the capture init. */
export function vmcoreFrame(
  options: { nodename?: string; cpus?: number; release?: string; vmcoreinfo?: boolean; uts?: Buffer } = {},
): string {
  const { nodename = NONCE, cpus = 2, release = RELEASE, vmcoreinfo = true } = options;
  const notes = Array.from({ length: cpus }, (_, cpu) => prstatusNote(cpu));
  if (vmcoreinfo) notes.push(elfNote('VMCOREINFO', 0, Buffer.from(`OSRELEASE=${release}\nPAGESIZE=4096\n`)));
  return frame({
    ev: 'vmcore',
    size: 1000,
    head: b64(coreHead()),
    notes: b64(Buffer.concat(notes)),
    uts: b64(options.uts ?? utsNamespace(nodename)),
  });
}

/** The first init's report after `kexec -p`. */
const SEGMENTS = [
  'kexec_load: entry = 0x26f54760 flags = 0x3e0001',
  'segment[0].mem   = 0x24000000',
  'segment[0].memsz = 0x1000000',
  'segment[1].mem   = 0x26f50000',
  'segment[1].memsz = 0x8000',
];

export function armedReport(
  changes: { loaded?: boolean; size?: number; range?: boolean; error?: string; segments?: boolean } = {},
): string {
  const { loaded = true, size = 0xc000000, range = true, segments = true, error } = changes;
  return [
    `status=${error === undefined ? 0 : 255}`,
    `loaded=${loaded ? 1 : 0}`,
    `size=${size}`,
    ...(range ? [`range=${CRASH_RANGE} : Crash kernel`] : []),
    ...(segments ? SEGMENTS : []),
    ...(error === undefined ? [] : [`error=${error}`]),
    '',
  ].join('\n');
}

/** One vCPU for {@link registers}. */
export interface MadeVcpu {
  readonly rip: bigint;
  readonly cr3?: bigint;
  readonly interrupts?: boolean;
  readonly halted?: boolean;
  readonly cpl?: number;
  /** In real mode, as firmware is. */
  readonly real?: boolean;
}

/** `info registers -a` text in QEMU 7.2's form. */
export function registers(vcpus: readonly MadeVcpu[]): string {
  return vcpus
    .map(({ rip, cr3 = FIRST_CR3, interrupts = false, halted = false, cpl = 0, real = false }, index) => {
      const hex = (value: bigint) => value.toString(16).padStart(16, '0');
      const flags = interrupts ? '00000246' : '00000046';
      if (real) {
        return [
          `CPU#${index}`,
          `EIP=${rip.toString(16).padStart(8, '0')} EFL=${flags} [---Z-P-] CPL=${cpl} II=0 A20=1 SMM=0 HLT=${halted ? 1 : 0}`,
          'CR0=60000010 CR2=00000000 CR3=00000000 CR4=00000000',
        ].join('\n');
      }
      return [
        `CPU#${index}`,
        'RAX=0000000000000000 RBX=0000000000000000 RCX=0000000000000000 RDX=0000000000000000',
        `RIP=${hex(rip)} RFL=${flags} [---Z-P-] CPL=${cpl} II=0 A20=1 SMM=0 HLT=${halted ? 1 : 0}`,
        'IDT=     fffffe0000000000 00000fff',
        `CR0=80050033 CR2=0000000000000000 CR3=${hex(cr3)} CR4=00751ef0`,
      ].join('\n');
    })
    .join('\n');
}

/** A vCPU that the shootdown parked: halted, interrupts off. */
export const PARKED: MadeVcpu = { rip: 0xffffffff81001000n, halted: true };
/** A vCPU that idles: halted, interrupts on. */
export const IDLE: MadeVcpu = { rip: 0xffffffff81002000n, halted: true, interrupts: true };

/** Builds a recording step by step; each step comes `everyMs` after the one before. */
export class MadeRun {
  readonly records: RunRecord[] = [];
  #seq = 0;
  #atMs = 0;
  readonly #lines = { qmp: 0, samples: 0, host: 0 };

  /** Lets time pass. */
  later(forMs: number): this {
    this.#atMs += forMs;
    return this;
  }

  bytes(channel: Channel, bytes: Buffer): this {
    const { atMs } = this.#stamp();
    this.records.push({ kind: 'chunk', atMs, channel, bytes });
    return this;
  }

  console(...lines: string[]): this {
    return this.bytes('console', Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'));
  }

  control(text: string): this {
    return this.bytes('control', Buffer.from(text, 'latin1'));
  }

  sample(vcpus: readonly MadeVcpu[]): this {
    this.records.push({
      kind: 'sample',
      line: this.#lines.samples++,
      record: { ...this.#stamp(), text: registers(vcpus) },
    });
    return this;
  }

  qmp(message: Record<string, unknown>): this {
    this.records.push({
      kind: 'qmp',
      line: this.#lines.qmp++,
      record: { ...this.#stamp(), direction: 'in', message },
    });
    return this;
  }

  shutdown(reason: string, guest = true): this {
    return this.qmp({ event: 'SHUTDOWN', data: { guest, reason } });
  }

  host(fact: HostFact): this {
    this.records.push({ kind: 'host', line: this.#lines.host++, record: { ...this.#stamp(), ...fact } });
    return this;
  }

  /** QEMU's start to the guest's hello. */
  boot(hello: Record<string, unknown> = {}): this {
    return this.host({ fact: 'qemu-started', pid: 1 })
      .console(`[    0.000000] Linux version ${RELEASE} (made)`, '[    0.000000] Command line: console=ttyS0')
      .control(frame({ ev: 'hello', release: b64(RELEASE), cpus: 2, modulesFailed: '', ...hello }));
  }

  arm(report = armedReport()): this {
    return this.control(frame({ ev: 'armed', id: 1, out: b64(report) })).host({
      fact: 'proof',
      what: 'loaded = 1',
      proved: true,
      saw: '1',
    });
  }

  fire(): this {
    return this.control(frame({ ev: 'firing', id: 2 })).host({ fact: 'fired', how: 'made' });
  }

  panic(): this {
    return this.console('[   10.000000] Kernel panic - not syncing: sysrq triggered crash');
  }

  /** The capture kernel's first lines on the console. */
  captureBanner(): this {
    return this.console(
      `[    0.000000] Linux version ${RELEASE} (made)`,
      '[    0.000000] Command line: console=ttyS0 elfcorehdr=0x26f00000',
    );
  }

  captureHello(commandLine = 'elfcorehdr=1'): this {
    return this.control(frame({ ev: 'capture-hello', release: b64(RELEASE), cmdline: b64(commandLine) }));
  }

  end(): this {
    return this.host({ fact: 'ended', why: 'made' });
  }

  #stamp(): { seq: number; atMs: number } {
    this.#atMs += 10;
    return { seq: this.#seq++, atMs: this.#atMs };
  }
}

/** A run that reached the moment of firing. */
export function firedRun(): MadeRun {
  return new MadeRun().boot().arm().fire();
}
