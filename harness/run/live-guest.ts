import { createRequestWriter, type Request, type RequestWriter } from '../guest/control.js';
import { type FrameLink, type Interrupts, type Machine, type Monitor, need } from '../machine/machine.js';
import type { EventOf } from '../model/event.js';
import type { RunPlan } from '../plan/run-plan.js';
import type { GdbClient } from '../qemu/gdbstub/index.js';
import type { SshTarget } from '../trigger/ssh.js';
import type { RunWatch } from './run-watch.js';
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
  interrupts(): Interrupts;
  looks(): Monitor;
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
  readonly machine: Machine;
  readonly sources: SourceBank;
  readonly cacheDir: string | undefined;
}

/** Puts the parts of a running guest together. */
export function liveGuest(
  plan: RunPlan,
  watch: RunWatch,
  { machine, sources, cacheDir }: LiveParts,
): LiveGuest {
  const requests = createRequestWriter();
  const limitMs = plan.limits.replyMs;
  const send = (request: Request) => {
    need(machine, 'control').send(request.bytes);
  };
  const answer = (request: Request, what: string) => {
    send(request);
    return watch.waitFor('reply', (reply) => reply.id === request.id, { limitMs, what });
  };
  return {
    plan,
    watch,
    requests,
    cacheDir,
    send,
    fact: (fact) => watch.fact(fact),
    connectDebugger: async () => (await need(machine, 'debugger').connect()) as GdbClient,
    interrupts: () => need(machine, 'interrupts'),
    looks: () => need(machine, 'monitor'),
    sources,
    async monitor(command) {
      const monitor = need(machine, 'monitor');
      if (command === 'info registers -a') return monitor.registers();
      if (command === 'info pic') return monitor.irqchips();
      if (command === 'info irq') return monitor.interruptCounts();
      return (await monitor.lapic(Number(command.split(' ')[2]))) ?? '';
    },
    ask: answer,
    replyMs: limitMs,
    frames: async () => need(machine, 'network').frames(),
    sshStream: async () => need(machine, 'network').stream(),
    tryAsk: (request) => {
      send(request);
      return watch.tryWaitFor('reply', (reply) => reply.id === request.id, { limitMs });
    },
    async fireScript(script) {
      send(requests.fire(script));
      await watch.waitFor('firing', () => true, { what: "the guest's announcement that it fires", limitMs });
    },
    async fireScriptToEnd(script) {
      const request = requests.fire(script);
      send(request);
      await watch.waitFor('firing', () => true, { what: "the guest's announcement that it fires", limitMs });
      const end = await watch.tryWaitFor(
        ['reply', 'oops', 'panic', 'capture-command-line', 'capture-hello'],
        (event) => event.type !== 'reply' || event.id === request.id,
        { limitMs },
      );
      return end?.type === 'reply' ? { status: end.status, output: end.output } : undefined;
    },
    async runScript(script, what) {
      const { status, output } = await answer(requests.script(script), what);
      return { status, output };
    },
    injectNmi: () => need(machine, 'nmi').inject(),
    async sendBreak() {
      await need(machine, 'console').sendBreak?.();
    },
    typeAtConsole(text) {
      need(machine, 'console').send(Buffer.from(text, 'latin1'));
    },
    holdKey: (key) => need(machine, 'keyboard').hold(key),
    require: (proof) => watch.require(proof),
  };
}
