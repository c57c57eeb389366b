import type { Channel } from '../../model/record.js';
import type { RunPlan } from '../../plan/run-plan.js';
import { connectGdb } from '../../qemu/gdbstub/index.js';
import { connectQmp } from '../../qemu/qmp/index.js';
import { connectQtest } from '../../qemu/qtest/index.js';
import { HostLost } from '../../ssh/host-lost.js';
import { faultFact } from '../fault-fact.js';
import { type Abilities, type Machine, MachineFailure, type MachineLog, type Origin } from '../machine.js';
import { readApicIds } from './apic-ids.js';
import { RUN_FILES } from './arguments.js';
import { argumentsFrom, loadState, saveState } from './clone.js';
import { diskBytes, qemuDump } from './dump.js';
import { answer } from './failure.js';
import type { HostPlace, QemuHost } from './host.js';
import { LOCAL_HOST } from './hosts/local.js';
import { qemuHotplug } from './hotplug.js';
import { qtestInterrupts } from './interrupts.js';
import { ioApicPath } from './io-apic-path.js';
import { qemuMemory } from './memory.js';
import { machineChecks } from './machine-check.js';
import { qemuMonitor } from './monitor.js';
import { openNetwork } from './network.js';
import type { SupervisedQemu } from './kept/supervised.js';
import { requireCard } from './needs.js';
import type { QemuProcess } from './process.js';
import { qmpLog } from './qmp-log.js';
import { remember } from './remember.js';
import { interruptedInLog, kindInLog } from './reset-kind.js';
import { watchRunState } from './run-state.js';
import { Teardown } from './teardown.js';
import { drained } from './last-bytes.js';
import type { UartChannel } from './uart.js';

/**
 * Longest wait for one answer of the debugger and of the monitor, by the host's clock. It takes a millisecond; on a host
 * with five times as many busy threads as CPUs 5 s were too short (measured). QEMU's end is seen by its socket.
 */
const ANSWER_MS = 30_000;
/** On an emulated KVM host QEMU was silent for 26 s in purgatory's digest (measured, 7.2). */
const UNPROVED_FACTOR = 2;

/** Factor on these waits. */
function patience({ accel, timeoutScale }: Pick<QemuPlan, 'accel' | 'timeoutScale'>): number {
  return Math.max(1, timeoutScale) * (accel.unproved === undefined ? 1 : UNPROVED_FACTOR);
}

/** The parts of a plan that decide the QEMU. */
export type QemuPlan = Pick<RunPlan, 'qemu' | 'accel' | 'timeoutScale' | 'keepVmcore' | 'keepFailed'> & {
  readonly limits: Pick<RunPlan['limits'], 'qemuStartMs'>;
  readonly scenario: { readonly guest: Pick<RunPlan['scenario']['guest'], 'nic' | 'disk'> };
  readonly machine: Pick<RunPlan['machine'], 'memoryMiB' | 'hardware'>;
};

/** Where QEMU runs, and the log to which it reports. */
export interface QemuPlace {
  /** The run directory on this host; when QEMU runs here, its working directory. */
  readonly directory: string;
  readonly log: MachineLog;
  /** This host when absent. */
  readonly host?: QemuHost | undefined;
  /** A template or a clone of one; absent: the guest boots. */
  readonly origin?: Origin | undefined;
}

/**
 * Starts QEMU as planned: FIFOs and sockets first, so that no byte is lost, then the process, then its monitor. Throws a
 * Fault, and reports it to the log, when one of them fails; nothing stays open then. Throws {@link MissingAbility} for a card
 * that this QEMU does not have.
 */
export async function openQemu(plan: QemuPlan, place: QemuPlace): Promise<Machine> {
  requireCard(plan.scenario.guest.nic?.model, plan.qemu.version);
  const teardown = new Teardown();
  const gone = new AbortController();
  const life = { staysUp: false };
  const close = async () => {
    for (const failure of await teardown.run()) place.log.fact({ ...faultFact(failure), afterRun: true });
  };
  try {
    const { host = LOCAL_HOST } = place;
    const name = `QEMU ${plan.qemu.version}${host.name === undefined ? '' : ` on ${host.name}`}`;
    return { name, ...(await start(plan, { ...place, host, name, teardown, gone, life })), close };
  } catch (error) {
    if (error instanceof HostLost) place.log.fact({ fact: 'host-lost', host: error.host, why: error.why });
    // A QEMU that cannot start (a bad --machine, no KVM) prints why on stderr: its exit is recorded, and that decides.
    else if (!gone.signal.aborted) place.log.fact(faultFact(error));
    await close();
    throw error;
  }
}

async function start(
  plan: QemuPlan,
  { directory, log, host, name, origin, teardown, gone, life }: Undoable & { readonly name: string },
): Promise<Pick<Machine, 'abilities' | 'lastBytes' | 'stayUp'>> {
  const place = await host.openPlace({ directory });
  teardown.defer("close QEMU's directory", () => place.close(life));
  const openUart = async (channel: Channel, pipe: string): Promise<UartChannel> => {
    const uart = await place.openUart(pipe, (bytes) => log.bytes(channel, bytes));
    teardown.defer(`close the ${channel} FIFOs`, () => uart.close());
    return uart;
  };
  const consoleUart = await openUart('console', RUN_FILES.consolePipe);
  const controlUart = await openUart('control', RUN_FILES.controlPipe);
  const { nic, disk } = plan.scenario.guest;
  const card = nic === undefined ? undefined : await openNetwork(nic, { place, machine: name });
  if (card !== undefined) teardown.defer("close the network card's socket", () => card.close());

  const diskMiB = plan.keepVmcore?.diskMiB;
  if (diskMiB !== undefined) {
    await place.makeFile?.(RUN_FILES.vmcoreDisk, diskBytes(diskMiB));
    teardown.defer('remove the disk for the vmcore', () => place.remove(RUN_FILES.vmcoreDisk));
  }
  if (disk !== undefined) {
    await place.makeFile?.(RUN_FILES.disk, diskBytes(disk.sizeMiB));
    teardown.defer("remove the guest's disk", () => place.remove(RUN_FILES.disk));
  }
  const { uefiVariables } = plan.qemu;
  if (uefiVariables !== undefined) {
    await place.copyFile?.(uefiVariables, RUN_FILES.uefiVariables);
    teardown.defer('remove the UEFI variables', () => place.remove(RUN_FILES.uefiVariables));
  }
  const qemu = await startProcess(plan, { place, host, log, origin, teardown, gone, life });
  const hostTime = place.reportHostTime(qemu.pid, (fact) => log.fact(fact));
  teardown.defer('end the reports of the host time', () => hostTime.stop());
  const record = qmpLog();
  const qmp = await answer(
    connectQmp(place.socket(RUN_FILES.qmpSocket), {
      connectDeadlineMs: plan.limits.qemuStartMs,
      deadlineMs: ANSWER_MS * patience(plan),
      signal: gone.signal,
      stderrTail: () => qemu.stderrTail(),
      onMessage: (direction, message) => {
        const kept = record(direction, message);
        if (kept !== undefined) log.message(direction === 'sent' ? 'out' : 'in', kept);
      },
    }),
  );
  teardown.defer('close the monitor', () => qmp.close());
  const followVcpus = async () => {
    const cpus = await answer(qmp.execute('query-cpus-fast'));
    for (const cpu of cpus) hostTime.follow([{ thread: `vcpu${cpu['cpu-index']}`, tid: cpu['thread-id'] }]);
  };
  await followVcpus();
  // Under TCG QEMU never gives a guest up, and a debugger's thousands of stops would each cost a query.
  if (plan.accel.accel === 'kvm') {
    const end = watchRunState(qmp, { log, stderrTail: () => qemu.stderrTail() });
    teardown.defer('end the watch of the run state', end);
  }
  if (origin?.kind === 'clone') await loadState(qmp, place, origin.state);
  const cont = () => answer(qmp.execute('cont'));
  await place.begin(cont);
  // Its state says that the template was stopped.
  if (origin?.kind === 'clone') await cont();
  const openMemory = () => {
    try {
      const memory = place.openProcessMemory?.(qemu.pid, { file: origin?.memory });
      if (memory !== undefined) teardown.defer("close the memory of QEMU's process", () => memory.close());
      return memory;
    } catch {
      // The host forbids it: QEMU writes its memory to a file.
      return undefined;
    }
  };
  const apicIds = remember(() => readApicIds(qmp));
  const interrupts = qtestInterrupts({
    apicIds,
    ioApicPath: () => ioApicPath(qmp),
    accel: plan.accel.accel,
    async connectQtest() {
      const qtest = await connectQtest(place.socket(RUN_FILES.qtestSocket), { signal: gone.signal });
      teardown.defer('close the qtest channel', () => qtest.close());
      return qtest;
    },
  });
  const abilities: Abilities = {
    console: {
      send: (bytes) => consoleUart.send(bytes),
      sendBreak: async () => void (await answer(qmp.execute('chardev-send-break', { id: 'console' }))),
    },
    control: { send: (bytes) => controlUart.send(bytes) },
    reset: { reset: async () => void (await answer(qmp.execute('system_reset'))) },
    nmi: { inject: async () => void (await answer(qmp.execute('inject-nmi'))) },
    machineCheck: machineChecks(qmp),
    keyboard: {
      async hold(key) {
        const data = { key: { type: 'qcode', data: key }, down: true } as const;
        // Raw: the schema lists the keys, and QEMU refuses unknown ones.
        await answer(qmp.executeRaw('input-send-event', { events: [{ type: 'key', data }] }));
      },
    },
    debugger: {
      roundTripMs: place.roundTripMs,
      async connect() {
        const { accel } = plan.accel;
        await place.startDebugger?.((command) =>
          answer(qmp.execute('human-monitor-command', { 'command-line': command })),
        );
        const gdb = await connectGdb(place.socket(RUN_FILES.gdbSocket), {
          accel,
          signal: gone.signal,
          deadlineMs: ANSWER_MS * patience(plan),
        });
        // QEMU is killed next: its vCPUs need not be released.
        teardown.defer('close the debugger', () => gdb.close({ guest: 'leave' }));
        return gdb;
      },
    },
    monitor: qemuMonitor(qmp, { apicIds, log }),
    ...(plan.machine.hardware?.room === undefined
      ? {}
      : { hotplug: qemuHotplug(qmp, { onCpus: followVcpus }) }),
    resetLog: {
      kind: () => kindInLog(plan.accel.accel, (most) => place.endOfLog(most)),
      interrupted: () => interruptedInLog(plan.accel.accel, (most) => place.endOfLog(most)),
    },
    memory: qemuMemory(qmp, {
      ...{ place, openMemory },
      baseKey: origin?.kind === 'clone' ? origin.state : undefined,
    }),
    ...(origin?.kind === 'template' ? { snapshot: { save: () => saveState(qmp, place) } } : {}),
    ...(plan.keepVmcore === undefined
      ? {}
      : { dump: qemuDump(qmp, diskMiB === undefined ? undefined : RUN_FILES.vmcoreDisk) }),
    // The channel exists only for scenarios that use it.
    ...(plan.qemu.args.includes('-qtest') ? { interrupts } : {}),
    ...(card === undefined ? {} : { network: card.network }),
  };
  return {
    abilities,
    lastBytes: drained([consoleUart, controlUart], () => answer(qmp.execute('query-status'))),
    ...(isSupervised(qemu)
      ? {
          async stayUp(options) {
            // Does nothing to a machine that a debugger has stopped, or that has shut down.
            await answer(qmp.execute('stop'));
            await qemu.keep(options);
            life.staysUp = true;
            return { pid: qemu.pid };
          },
        }
      : {}),
  };
}

/** State of a start: its teardown, and the controller that is aborted when QEMU has ended. */
interface Undoable extends QemuPlace {
  readonly host: QemuHost;
  readonly teardown: Teardown;
  readonly gone: AbortController;
  /** Whether QEMU was handed over. */
  readonly life: { staysUp: boolean };
}

function isSupervised(qemu: QemuProcess): qemu is SupervisedQemu {
  return 'keep' in qemu;
}

/** Starts the process and records its end; `gone` is aborted then. */
async function startProcess(
  { qemu: { binary, args: planned }, keepFailed, machine: { memoryMiB } }: QemuPlan,
  {
    place,
    host,
    log,
    origin,
    teardown,
    gone,
    life,
  }: Omit<Undoable, 'directory'> & { readonly place: HostPlace },
): Promise<QemuProcess> {
  const args = origin === undefined ? planned : argumentsFrom(origin, planned, { memoryMiB });
  const staysUp = keepFailed !== undefined && origin?.kind !== 'template';
  const supervised = staysUp ? place.startSupervised?.(binary, args) : undefined;
  const qemu = await (supervised ?? place.start(binary, args));
  log.fact({ fact: 'qemu-started', pid: qemu.pid, ...(host.name === undefined ? {} : { host: host.name }) });
  let asked = false;
  const exit = qemu.exited.then((end) => {
    if (life.staysUp) return;
    if ('lost' in end) {
      gone.abort(new MachineFailure(`the host is lost: ${end.lost}`, { gone: true }));
      if (!asked) log.fact({ fact: 'host-lost', host: host.name ?? 'this host', why: end.lost });
      return;
    }
    gone.abort(new MachineFailure('QEMU has ended; its exit is recorded', { gone: true }));
    const { code, signal, stderr } = end;
    log.fact({ fact: 'qemu-exit', code, signal, asked, stderr });
  });
  teardown.defer(`kill QEMU, pid ${qemu.pid}`, async () => {
    if (life.staysUp) return;
    asked = true;
    await qemu.stop();
    await exit;
  });
  return qemu;
}
