import { createRequestWriter, type Request, type RequestWriter } from '../guest/control.js';
import type { EventOf } from '../model/event.js';
import type { RunPlan } from '../model/run-plan.js';
import type { GdbClient } from '../qemu/gdbstub/index.js';
import type { QmpClient } from '../qemu/qmp/index.js';
import type { QtestClient } from '../qemu/qtest/index.js';
import { readApicIds } from '../machine/qemu/apic-ids.js';
import type { FrameLink } from '../machine/qemu/frame-link.js';
import { ioApicPath } from '../machine/qemu/io-apic-path.js';
import { type Messenger, openMessenger } from '../machine/qemu/msi.js';
import type { SshTarget } from '../trigger/ssh.js';
import type { GuestNetwork } from '../machine/qemu/network.js';
import type { UartChannel } from '../machine/qemu/uart.js';
import { RunEnded, type RunWatch } from './run-watch.js';
import type { SourceBank } from './source-bank.js';

/** A guest that runs: its plan, its recording, and ways to speak to it. */
export interface LiveGuest extends SshTarget {
  readonly plan: RunPlan;
  readonly watch: RunWatch;
  readonly requests: RequestWriter;
  /** Where what was learnt of a kernel is kept for later runs; undefined: nowhere. */
  readonly cacheDir: string | undefined;
  send(request: Request): void;
  /** An HMP command's text. */
  monitor(command: string): Promise<string>;
  /** Attaches to the gdbstub, which stops the guest; once. */
  connectDebugger(): Promise<GdbClient>;
  /** Interrupts from outside the guest; connected at the first call. */
  messenger(): Promise<Messenger>;
  /** QEMU's qtest channel; connected at the first call. */
  qtest(): Promise<QtestClient>;
  /** APIC ids by vCPU number; asked once. */
  apicIds(): Promise<ReadonlyMap<number, number>>;
  /** Where the IO-APIC is in QEMU's object tree; undefined on a machine without one. */
  ioApicPath(): Promise<string | undefined>;
  readonly sources: SourceBank;
  /** The other end of a network card with `net: frames`. */
  frames(): Promise<FrameLink>;
  /** Sends a request and waits for the reply; a guest that does not answer in time ends the run. */
  ask(request: Request, what: string): Promise<EventOf<'reply'>>;
  /** Sends a request and waits for the reply; undefined when the guest does not answer in time. */
  tryAsk(request: Request): Promise<EventOf<'reply'> | undefined>;
}

/** What a live guest is made of. */
export interface LiveParts {
  readonly qmp: QmpClient;
  readonly control: UartChannel;
  /** The console under test: what is typed at it. */
  readonly consoleLine: UartChannel;
  readonly connectDebugger: () => Promise<GdbClient>;
  readonly connectQtest: () => Promise<QtestClient>;
  readonly sources: SourceBank;
  readonly cacheDir: string | undefined;
  readonly network: GuestNetwork | undefined;
}

/** Puts the parts of a running guest together. */
export function liveGuest(
  plan: RunPlan,
  watch: RunWatch,
  { qmp, control, consoleLine, connectDebugger, connectQtest, sources, cacheDir, network }: LiveParts,
): LiveGuest {
  const requests = createRequestWriter();
  const limitMs = plan.limits.replyMs;
  let opened: Promise<QtestClient> | undefined;
  let ids: Promise<ReadonlyMap<number, number>> | undefined;
  const qtest = () => (opened ??= connectQtest());
  const apicIds = () => (ids ??= readApicIds(qmp));
  const send = (request: Request) => {
    control.send(request.bytes);
  };
  const answerTo = (request: Request, options: { what: string; soft?: boolean }) => {
    send(request);
    return watch.waitFor('reply', (reply) => reply.id === request.id, { limitMs, ...options });
  };
  const answer = async (request: Request, what: string) => {
    const reply = await answerTo(request, { what });
    if (reply === undefined) throw new Error(`a wait for "${what}" resolved without its reply`);
    return reply;
  };
  return {
    plan,
    watch,
    requests,
    cacheDir,
    send,
    fact: (fact) => watch.fact(fact),
    connectDebugger,
    messenger: async () => openMessenger(await qtest(), await apicIds()),
    qtest,
    apicIds,
    ioApicPath: () => ioApicPath(qmp),
    sources,
    monitor: (command) => qmp.execute('human-monitor-command', { 'command-line': command }),
    ask: answer,
    replyMs: limitMs,
    frames: async () => wired(network).frames(),
    sshStream: async () => wired(network).ssh(),
    tryAsk: (request) => answerTo(request, { what: 'an answer', soft: true }),
    async fireScript(script) {
      send(requests.fire(script));
      await watch.waitFor('firing', () => true, { what: "the guest's announcement that it fires", limitMs });
    },
    async fireScriptToEnd(script) {
      const request = requests.fire(script);
      send(request);
      await watch.waitFor('firing', () => true, { what: "the guest's announcement that it fires", limitMs });
      const end = await watch.waitFor(
        ['reply', 'oops', 'panic', 'capture-command-line', 'capture-hello'],
        (event) => event.type !== 'reply' || event.id === request.id,
        { what: "the script's end", limitMs, soft: true },
      );
      return end?.type === 'reply' ? { status: end.status, output: end.output } : undefined;
    },
    async runScript(script, what) {
      const { status, output } = await answer(requests.script(script), what);
      return { status, output };
    },
    async injectNmi() {
      await qmp.execute('inject-nmi');
    },
    async sendBreak() {
      await qmp.execute('chardev-send-break', { id: 'console' });
    },
    typeAtConsole(text) {
      consoleLine.send(Buffer.from(text, 'latin1'));
    },
    async holdKey(key) {
      const data = { key: { type: 'qcode', data: key }, down: true } as const;
      await qmp.execute('input-send-event', { events: [{ type: 'key', data }] });
    },
    require(proof) {
      watch.fact({ fact: 'proof', ...proof });
      if (proof.proved) return;
      watch.end(`not proved: ${proof.what}`);
      throw new RunEnded(`not proved: ${proof.what}`);
    },
  };
}

function wired(network: GuestNetwork | undefined): GuestNetwork {
  if (network === undefined)
    throw new Error('the guest has no network card: the plan should have been refused');
  return network;
}
