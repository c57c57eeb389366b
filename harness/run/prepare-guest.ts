import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileScript } from '../guest/control.js';
import { type Checked, checkLapic, checkPin } from '../irqchip/check-conditions.js';
import { readProcInterrupts, rowNamed } from '../irqchip/proc-interrupts.js';
import type { Preparation, Proof } from '../model/scenario.js';
import { findPins, readGuestInterrupts, readGuestLapic, readGuestRouters } from './irqchips.js';
import type { LiveGuest } from './live-guest.js';
import { RunEnded } from './run-watch.js';

/** How often a row that is to rise is looked at. */
const LOOK_EVERY_MS = 250;

/** A proof that can only be completed after the watch. */
export interface OpenProof {
  /** Looks again and records whether it is proved. */
  complete(): Promise<void>;
}

/**
 * Brings the guest from QEMU's start to the moment before firing: boot, arm, prepare, prove. What fails is recorded
 * and ends the run (the classifier calls it void or boot-failed). Returns the proofs that need a second look.
 */
export async function prepareGuest(guest: LiveGuest): Promise<OpenProof[]> {
  const { plan, watch } = guest;
  const hello = await watch.waitFor('hello', () => true, {
    what: "the boot to the guest init's first word",
    limitMs: plan.limits.bootMs,
  });
  if (hello?.release !== plan.kernel.release) stop(guest, 'another kernel runs than was asked for');
  if (hello?.modulesFailed !== '') stop(guest, 'modules did not load');
  if (plan.scenario.crashKernel === 'loaded') await arm(guest);
  for (const preparation of plan.scenario.prepare) await prepare(guest, preparation);
  await prove(guest, {
    read: {
      path: '/sys/kernel/kexec_crash_loaded',
      equals: plan.scenario.crashKernel === 'loaded' ? '1' : '0',
    },
  });
  const open: OpenProof[] = [];
  await guest.sources.start(guest);
  await guest.sources.prove(guest);
  for (const proof of plan.scenario.prove) {
    const later = await prove(guest, proof);
    if (later !== undefined) open.push(later);
  }
  return open;
}

function stop({ watch }: LiveGuest, why: string): never {
  watch.end(why);
  throw new RunEnded(why);
}

async function arm(guest: LiveGuest): Promise<void> {
  const { plan, watch, requests } = guest;
  guest.send(requests.arm(plan.nonce, plan.captureAppend));
  const armed = await watch.waitFor('armed', () => true, {
    what: 'kexec -p (loading the crash kernel)',
    limitMs: plan.limits.armMs,
  });
  if (armed?.armed.loaded !== true) stop(guest, 'the crash kernel was not loaded');
}

async function prepare(guest: LiveGuest, preparation: Preparation): Promise<void> {
  const [what, script] =
    'write' in preparation
      ? [`write ${preparation.write.path}`, writeFileScript(preparation.write.path, preparation.write.value)]
      : [`script ${preparation.script.slice(0, 60)}`, preparation.script];
  const { status } = await guest.ask(guest.requests.script(script), what);
  guest.fact({ fact: 'prepared', what, status });
  if (status !== 0) stop(guest, `${what} failed`);
}

async function prove(guest: LiveGuest, proof: Proof): Promise<OpenProof | undefined> {
  if ('read' in proof) {
    const { path, equals } = proof.read;
    const what = `${path} = ${equals}`;
    const reply = await guest.ask(guest.requests.script(`cat ${path}`), `reading ${path}`);
    const saw = reply.status === 0 ? reply.output.trim() : `cat failed: ${reply.output.trim()}`;
    guest.fact({ fact: 'proof', what, proved: reply.status === 0 && saw === equals, saw: saw.slice(0, 200) });
    if (saw !== equals) stop(guest, `not proved: ${what}`);
    return undefined;
  }
  if ('interrupts' in proof) return proveRise(guest, proof.interrupts);
  const checked =
    'lapic' in proof
      ? checkLapic(proof.lapic, { name: `cpu${proof.cpu}`, lapic: await readGuestLapic(guest, proof.cpu) })
      : await pinOfGuest(guest, proof);
  guest.fact({ fact: 'proof', ...checked });
  if (!checked.proved) stop(guest, `not proved: ${checked.what}`);
  return undefined;
}

async function pinOfGuest(guest: LiveGuest, { pin, is }: Extract<Proof, { pin: unknown }>): Promise<Checked> {
  const name = typeof pin === 'number' ? `pin ${pin}` : `pin of ${pin}`;
  const number = (await findPins(guest, [pin]))(pin);
  return checkPin(is, { name, number, routers: await readGuestRouters(guest) });
}

async function proveRise(
  guest: LiveGuest,
  { row, risesBy, withinMs }: Extract<Proof, { interrupts: unknown }>['interrupts'],
): Promise<OpenProof | undefined> {
  const before = rowNamed(await readGuestInterrupts(guest), row)?.count;
  const seen = (what: string, after: number | undefined): boolean => {
    const rise = before === undefined || after === undefined ? undefined : after - before;
    const proved = rise !== undefined && rise >= risesBy;
    const saw = rise === undefined ? 'no such row, or no answer' : `rose by ${rise}`;
    guest.fact({ fact: 'proof', what, proved, saw });
    return proved;
  };
  if (withinMs === undefined) {
    const what = `/proc/interrupts ${row} rises by ${risesBy}`;
    return {
      async complete() {
        const reply = await guest.tryAsk(guest.requests.script('cat /proc/interrupts'));
        seen(what, reply === undefined ? undefined : rowNamed(readProcInterrupts(reply.output), row)?.count);
      },
    };
  }
  const what = `/proc/interrupts ${row} rises by ${risesBy} within ${withinMs} ms, before firing`;
  const untilMs = performance.now() + withinMs;
  let after = before;
  while (before !== undefined && after !== undefined && after - before < risesBy) {
    const leftMs = untilMs - performance.now();
    if (leftMs <= 0) break;
    await sleep(Math.min(LOOK_EVERY_MS, leftMs));
    after = rowNamed(await readGuestInterrupts(guest), row)?.count;
  }
  if (!seen(what, after)) stop(guest, `not proved: ${what}`);
  return undefined;
}
