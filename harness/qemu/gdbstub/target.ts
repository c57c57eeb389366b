import { GdbProtocolError, remoteError } from './errors.js';
import type { Limits } from './limits.js';
import type { Link } from './link.js';
import { includedAnnexes, layoutFrom, type RegisterLayout } from './register-layout.js';
import type { StubFeatures } from './supported.js';
import { formatThreadId, type GdbThread, parseThreadId, vcpuOf } from './thread-id.js';

/** Bounds on what a stub may describe. */
const MAX_VCPUS = 4096;
const MAX_ANNEXES = 32;
const MAX_ANNEX_CHARACTERS = 256 * 1024;

/** The result of the handshake. */
export interface Target {
  readonly threads: ReadonlyMap<number, GdbThread>;
  readonly layout: RegisterLayout;
  readonly features: StubFeatures;
  readonly accel: 'tcg' | 'kvm';
  /** Default of the operations. */
  readonly deadlineMs: number;
}

/** vCPU indexes, ascending. */
export function vcpusOf({ threads }: Target): number[] {
  return Array.from(threads.keys()).sort((one, other) => one - other);
}

/** The stub's name for a vCPU. Throws a RangeError when the guest has no such vCPU. */
export function threadOf(target: Target, vcpu: number): GdbThread {
  const thread = target.threads.get(vcpu);
  if (thread !== undefined) return thread;
  throw new RangeError(`cannot use vCPU "${vcpu}": the guest has ${vcpusOf(target).join(', ')}`);
}

/** Selects the vCPU of `g` (registers and memory) or `c` (control) packets. */
export function select(
  link: Link,
  { purpose, thread }: { readonly purpose: 'g' | 'c'; readonly thread: GdbThread },
  limits: Limits,
): Promise<void> {
  return command(link, `H${purpose}${formatThreadId(thread)}`, limits);
}

/** True for the replies that refuse: `Exx`, and the empty one for what the stub does not know. */
export function isRefusal(reply: string): boolean {
  return reply === '' || /^E[0-9a-f]{2}$/iu.test(reply);
}

/** Sends a request that must not be refused. */
export async function demand(link: Link, packet: string, limits: Limits): Promise<string> {
  const reply = await link.request(packet, limits);
  if (isRefusal(reply)) throw remoteError(limits.what, packet, reply);
  return reply;
}

/** Sends a request whose reply is `OK`. */
export async function command(link: Link, packet: string, limits: Limits): Promise<void> {
  const reply = await demand(link, packet, limits);
  if (reply !== 'OK') {
    throw new GdbProtocolError(
      `cannot ${limits.what}: "${reply.slice(0, 40)}" is no answer to "${packet.slice(0, 40)}"; is it QEMU's gdbstub?`,
    );
  }
}

/** All vCPUs by index. */
export async function readThreads(link: Link, limits: Limits): Promise<Map<number, GdbThread>> {
  const threads = new Map<number, GdbThread>();
  for (let packet = 'qfThreadInfo'; ; packet = 'qsThreadInfo') {
    const reply = await demand(link, packet, limits);
    if (reply === 'l') break;
    for (const id of reply.slice(1).split(',')) {
      const thread = parseThreadId(id);
      if (!reply.startsWith('m') || thread === undefined || threads.size >= MAX_VCPUS) {
        throw new GdbProtocolError(
          `cannot list vCPUs: "${reply.slice(0, 40)}" is no list of threads; is it QEMU's gdbstub?`,
        );
      }
      threads.set(vcpuOf(thread), thread);
    }
  }
  if (threads.size === 0)
    throw new GdbProtocolError('cannot list vCPUs: the stub has no threads; is the machine up?');
  return threads;
}

/** The register layout from the target description. QEMU 7.2 takes `p` and `P` only after this was read. */
export async function readLayout(
  link: Link,
  features: StubFeatures,
  limits: Limits,
): Promise<RegisterLayout> {
  if (!features.targetDescription) {
    throw new GdbProtocolError(
      'cannot read the target description: the stub offers none; is it QEMU for x86?',
    );
  }
  const top = await readAnnex(link, 'target.xml', features, limits);
  const waiting = includedAnnexes(top);
  const descriptions = [top];
  while (waiting.length > 0) {
    const annex = waiting.shift() ?? '';
    if (descriptions.length > MAX_ANNEXES) {
      throw new GdbProtocolError(`cannot read the target description: it has more than ${MAX_ANNEXES} parts`);
    }
    const text = await readAnnex(link, annex, features, limits);
    descriptions.push(text);
    waiting.unshift(...includedAnnexes(text));
  }
  return layoutFrom(descriptions);
}

async function readAnnex(link: Link, annex: string, features: StubFeatures, limits: Limits): Promise<string> {
  // The reply has one letter of its own, and an escaped byte takes two.
  const pieceBytes = Math.floor((features.packetBytes - 5) / 2);
  let text = '';
  for (;;) {
    const offset = text.length.toString(16);
    const packet = `qXfer:features:read:${annex}:${offset},${pieceBytes.toString(16)}`;
    const reply = await demand(link, packet, limits);
    const last = reply.startsWith('l');
    text += reply.slice(1);
    if (last) return text;
    if (!reply.startsWith('m') || reply.length === 1 || text.length > MAX_ANNEX_CHARACTERS) {
      throw new GdbProtocolError(
        `cannot read target description "${annex}": it is empty, endless or malformed; is it QEMU's gdbstub?`,
      );
    }
  }
}
