import { type CrashLoad, createRequestWriter, type Request } from '../guest/control.js';
import type { Control } from '../machine/machine.js';
import type { EventOf } from '../model/event.js';
import type { RunWatch, Within } from './run-watch.js';

/** How a shell script in the guest ended. */
export interface ScriptReply {
  readonly status: number;
  readonly output: string;
}

/** The guest's init, which takes requests over the control channel; its answers are read from the recording. */
export class GuestShell {
  readonly #requests;
  readonly #control: Control;
  readonly #watch: RunWatch;
  #lastId = 0;

  /** `lastId`: of the requests that the guest has answered as a template. */
  constructor(control: Control, { watch, lastId }: { watch: RunWatch; lastId?: number | undefined }) {
    this.#control = control;
    this.#watch = watch;
    this.#requests = createRequestWriter(lastId);
  }

  /** The id of the latest request. */
  get lastId(): number {
    return this.#lastId;
  }

  /** Loads the crash kernel; `nonce` becomes the guest's host name, and a template of clones has none. */
  arm(nonce: string | undefined, load: CrashLoad): Promise<EventOf<'armed'>> {
    return this.#armed(this.#requests.arm(nonce, load), 'kexec -p (loading the crash kernel)');
  }

  /** In a clone: `nonce` becomes its host name; what is loaded is read and reported again. */
  mark(nonce: string): Promise<EventOf<'armed'>> {
    return this.#armed(this.#requests.mark(nonce), "the clone's report of its crash kernel");
  }

  /** In a clone without a crash kernel: it draws random numbers of its own; `seed` differs between clones. */
  async vary(seed: string): Promise<void> {
    const { id } = this.#send(this.#requests.vary(seed));
    const what = "the clone's first answer";
    await this.#watch.waitFor('reply', (reply) => reply.id === id, { what, within: 'replyMs' });
  }

  /** The report that follows the request; a template's is among the events already. */
  #armed(request: Request, what: string): Promise<EventOf<'armed'>> {
    const earlier = new Set<unknown>(this.#watch.events);
    this.#send(request);
    return this.#watch.waitFor('armed', (event) => !earlier.has(event), { what, within: 'armMs' });
  }

  /** Runs a script; `what` names it. A guest that does not answer in time (`replyMs`, or `within`) ends the run. */
  async run(
    script: string,
    what: string,
    { within = 'replyMs' }: { readonly within?: Within } = {},
  ): Promise<ScriptReply> {
    const { id } = this.#send(this.#requests.script(script));
    const { status, output } = await this.#watch.waitFor('reply', (reply) => reply.id === id, {
      what,
      within,
    });
    return { status, output };
  }

  /** The same; undefined when the guest does not answer in time. */
  async tryRun(script: string): Promise<ScriptReply | undefined> {
    return this.#tryReply(this.#send(this.#requests.script(script)));
  }

  /** Whether the guest answers in time (`replyMs` when absent). */
  async answers(within: Within = 'replyMs'): Promise<boolean> {
    return (await this.#tryReply(this.#send(this.#requests.ping()), within)) !== undefined;
  }

  /** Makes the guest announce and run a script in which it is expected to die; resolves at the announcement. */
  async fire(script: string): Promise<void> {
    await this.#announced(this.#requests.fire(script));
  }

  /** As {@link fire}, then waits for the script's end or (undefined) a sign that the guest dies, whichever is first. */
  async fireToEnd(script: string): Promise<ScriptReply | undefined> {
    const { id } = await this.#announced(this.#requests.fire(script));
    const end = await this.#watch.tryWaitFor(
      ['reply', 'oops', 'panic', 'capture-command-line', 'capture-hello'],
      (event) => event.type !== 'reply' || event.id === id,
      'replyMs',
    );
    return end?.type === 'reply' ? { status: end.status, output: end.output } : undefined;
  }

  async #announced(request: Request): Promise<Request> {
    this.#send(request);
    await this.#watch.waitFor('firing', () => true, {
      what: "the guest's announcement that it fires",
      within: 'replyMs',
    });
    return request;
  }

  async #tryReply({ id }: Request, within: Within = 'replyMs'): Promise<ScriptReply | undefined> {
    const reply = await this.#watch.tryWaitFor('reply', (event) => event.id === id, within);
    return reply === undefined ? undefined : { status: reply.status, output: reply.output };
  }

  #send(request: Request): Request {
    this.#control.send(request.bytes);
    this.#lastId = request.id;
    return request;
  }
}
