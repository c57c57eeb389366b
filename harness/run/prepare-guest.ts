import { setTimeout as sleep } from 'node:timers/promises';
import { writeFileScript } from '../guest/control.js';
import { type Checked, checkLapic, checkPin } from '../proof/irqchips.js';
import { readProcInterrupts, rowNamed } from '../timeline/proc-interrupts.js';
import { checkCondition, factWords, type GuestFact } from '../proof/guest-fact.js';
import type { Preparation, Proof } from '../plan/scenario.js';
import { everyVcpu, flagStatement } from '../proof/cpu-flag.js';
import { flipCrashImage } from './flip-crash-image.js';
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
  for (const claim of plan.machine.prove ?? []) await proveFact(guest, claim);
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
  if ('flipCrashImage' in preparation) {
    return flipCrashImage(guest, preparation.flipCrashImage);
  }
  const [what, script] =
    'write' in preparation
      ? [`write ${preparation.write.path}`, writeFileScript(preparation.write.path, preparation.write.value)]
      : [`script ${preparation.script.slice(0, 60)}`, preparation.script];
  const { status } = await guest.ask(guest.requests.script(script), what);
  guest.fact({ fact: 'prepared', what, status });
  if (status !== 0) stop(guest, `${what} failed`);
}

async function prove(guest: LiveGuest, proof: Proof): Promise<OpenProof | undefined> {
  if ('read' in proof || 'output' in proof) {
    await proveFact(guest, proof);
    return undefined;
  }
  // What the kernel's own report must show is looked for when there is one.
  if ('panic' in proof) return undefined;
  if ('everyVcpu' in proof) {
    await proveFlags(guest, proof.everyVcpu);
    return undefined;
  }
  if ('interrupts' in proof) return proveRise(guest, proof.interrupts);
  const checked =
    'lapic' in proof
      ? checkLapic(proof.lapic, { name: `cpu${proof.cpu}`, lapic: await readGuestLapic(guest, proof.cpu) })
      : await pinOfGuest(guest, proof);
  guest.require(checked);
  return undefined;
}

/** Asks the guest for what a fact is about and records whether it holds; one that does not ends the run. */
async function proveFact(guest: LiveGuest, fact: GuestFact): Promise<void> {
  const what = factWords(fact);
  const [script, condition] =
    'read' in fact ? [`cat ${fact.read.path}`, fact.read] : [fact.output.of, fact.output];
  const { status, output } = await guest.ask(guest.requests.script(script), what);
  const { holds, saw } = checkCondition(condition, output);
  const proved = status === 0 && holds;
  const seen = status === 0 ? saw : `exit status ${status}: ${saw}`;
  const meaning = proved || condition.otherwise === undefined ? '' : `: ${condition.otherwise}`;
  guest.require({ what, proved, saw: `${seen}${meaning}` });
}

async function pinOfGuest(guest: LiveGuest, { pin, is }: Extract<Proof, { pin: unknown }>): Promise<Checked> {
  const name = typeof pin === 'number' ? `pin ${pin}` : `pin of ${pin}`;
  const number = (await findPins(guest, [pin]))(pin);
  return checkPin(is, { name, number, routers: await readGuestRouters(guest) });
}

async function proveFlags(
  guest: LiveGuest,
  wanted: Extract<Proof, { everyVcpu: unknown }>['everyVcpu'],
): Promise<void> {
  const [flag, on] = 'svme' in wanted ? (['svme', wanted.svme] as const) : (['vmxe', wanted.vmxe] as const);
  const what = `every vCPU has ${flagStatement(flag, on)}`;
  const text = await guest.monitor('info registers -a');
  const { proved, saw } = everyVcpu(text, { flag, on, cpus: guest.plan.machine.cpus });
  guest.require({ what, proved, saw: saw.slice(0, 200) });
}

async function proveRise(
  guest: LiveGuest,
  { row, risesBy, withinMs }: Extract<Proof, { interrupts: unknown }>['interrupts'],
): Promise<OpenProof | undefined> {
  const before = rowNamed(await readGuestInterrupts(guest), row)?.count;
  const riseTo = (after: number | undefined) =>
    before === undefined || after === undefined ? undefined : after - before;
  const proofOf = (rise: number | undefined) => ({
    what: `/proc/interrupts ${row} rises by ${risesBy}${withinMs === undefined ? '' : ' before firing'}`,
    proved: rise !== undefined && rise >= risesBy,
    saw: rise === undefined ? 'no such row, or no answer' : `rose by ${rise}`,
  });
  if (withinMs === undefined) {
    return {
      async complete() {
        const reply = await guest.tryAsk(guest.requests.script('cat /proc/interrupts'));
        const rows = reply === undefined ? [] : readProcInterrupts(reply.output);
        guest.fact({ fact: 'proof', ...proofOf(riseTo(rowNamed(rows, row)?.count)) });
      },
    };
  }
  const untilMs = performance.now() + withinMs;
  let rise = riseTo(before);
  while (rise !== undefined && rise < risesBy && performance.now() < untilMs) {
    await sleep(LOOK_EVERY_MS);
    rise = riseTo(rowNamed(await readGuestInterrupts(guest), row)?.count);
  }
  guest.require(proofOf(rise));
  return undefined;
}
