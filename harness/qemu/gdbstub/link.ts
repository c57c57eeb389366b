import type { Observations } from '../socket/observations.js';
import { oneLine } from '../socket/one-line.js';
import type { Transport, TransportHandlers } from '../socket/transport.js';
import {
  GdbClosedError,
  type GdbError,
  GdbProtocolError,
  GdbRemoteError,
  GdbStateError,
  remoteError,
} from './errors.js';
import { type Exchange, type ExchangeKind, startExchange } from './exchange.js';
import type { Limits } from './limits.js';
import { excerpt, type ObservationBody } from './observation.js';
import type { LinkOptions } from './options.js';
import { PacketLine } from './packet-line.js';
import { meaningOf } from './packet-meaning.js';
import { type GdbStop, StopLog } from './stop-log.js';
import { parseStopReply } from './stop-reply.js';

/** How often one packet is sent again when the stub replies `-`. */
const MAX_REPEATS = 5;
/** Sent after a missing reply: its own reply is recognisable, so that everything before it is late. */
const RESYNC = 'qSupported:multiprocess+';

/** The guest's state as far as this connection knows. */
export type GuestState = 'stopped' | 'running' | 'closed';

/** Requests and their replies, and the guest's state, independent of the kind of request. */
export class Link {
  readonly stops: StopLog;
  /** Resolves when the connection is over and all waits have failed with the reason. */
  readonly over: Promise<GdbClosedError>;
  /** How many resumes were sent; the number of the latest. */
  resumes = 0;

  readonly #address: string;
  readonly #options: LinkOptions;
  readonly #line: PacketLine;
  #announceOver: (error: GdbClosedError) => void = () => {};
  #state: GuestState = 'stopped';
  #exchange: Exchange | undefined;
  #refusal: GdbError | undefined;
  #inSync = true;
  #closed: GdbClosedError | undefined;

  constructor(address: string, options: LinkOptions) {
    this.#address = address;
    this.#options = options;
    this.stops = new StopLog(options.stopsKept);
    this.#line = new PacketLine(options, {
      onAck: () => this.#takeAck(),
      onNack: () => this.#repeat(),
      onPacket: (payload) => this.#takePacket(payload),
      onRead: () => this.#settleResume(),
      onBroken: (why) => this.#break(why),
      onClose: (reason, cause) => this.end(reason, cause),
    });
    this.over = new Promise((resolve) => {
      this.#announceOver = resolve;
    });
  }

  /** The handlers with which to open the transport; bytes may arrive before `attach`. */
  get handlers(): TransportHandlers {
    return this.#line.handlers;
  }

  /** Deviations from the protocol. */
  get observations(): Observations<ObservationBody> {
    return this.#line.observations;
  }

  get state(): GuestState {
    return this.#state;
  }

  attach(transport: Transport): void {
    this.#line.attach(transport);
  }

  /** Turns acknowledgements off, for both sides. */
  dropAcks(): void {
    this.#line.dropAcks();
  }

  /** The guest was resumed or stopped through QMP. */
  noteState(state: 'running' | 'stopped'): void {
    if (this.#state === 'closed' || this.#state === state) return;
    if (state === 'running') this.resumes += 1;
    this.#state = state;
  }

  /** Sends a packet and waits for its reply. The guest must be stopped; one exchange at a time. */
  async request(
    payload: string,
    limits: Limits,
    kind: 'request' | 'halt-query' = 'request',
  ): Promise<string> {
    this.#requireStopped(limits.what);
    await this.#restoreOrder(limits);
    return this.#begin(kind, payload, limits);
  }

  /**
   * Sends a packet that lets vCPUs run. Resolves when the stub has acknowledged it; a stop reply before that belongs to
   * an earlier resume. Fails with the stub's refusal when that arrives along with the acknowledgement.
   */
  async resume(payload: string, limits: Limits): Promise<void> {
    this.#requireStopped(limits.what);
    await this.#restoreOrder(limits);
    this.resumes += 1;
    this.#refusal = undefined;
    try {
      await this.#begin('resume', payload, limits);
    } catch (error) {
      // Sent without an answer: the guest may run, and then any byte but an interrupt is harmful.
      if (!(error instanceof GdbRemoteError) && this.#state === 'stopped') this.#state = 'running';
      throw error;
    }
  }

  /** Stops the guest; QEMU answers with a stop reply, unless the guest has stopped by itself meanwhile. */
  sendInterrupt(): void {
    this.#line.sendInterrupt();
  }

  /** True while the guest runs, or will as soon as the stub has read what was sent. */
  get resumed(): boolean {
    return this.#state === 'running' || this.#exchange?.kind === 'resume';
  }

  /** The stop that ended the latest resume, or will. */
  async waitForStop(limits: Limits): Promise<GdbStop> {
    limits.signal?.throwIfAborted();
    if (this.resumes === 0) {
      throw new GdbStateError(`cannot ${limits.what}: nothing was resumed; continue or step first`);
    }
    if (this.#refusal !== undefined) throw this.#refusal;
    const waiting = this.stops.waitFor(this.resumes, limits);
    const closed = this.#closed;
    if (closed !== undefined) this.stops.failWaiters(() => this.#closedError(limits.what, closed));
    return waiting;
  }

  /** Ends the connection; the first reason counts. */
  end(reason: string, cause?: unknown): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#line.close();
    const lost = oneLine(this.#line.midPacket ? `${reason}, in the middle of a packet` : reason);
    const closed = new GdbClosedError(`use gdbstub "${this.#address}"`, lost, cause);
    this.#closed = closed;
    this.#exchange?.reject(
      cause instanceof GdbProtocolError ? cause : this.#closedError('get a reply', closed),
    );
    this.stops.failWaiters(() => this.#closedError('wait for a stop', closed));
    this.#announceOver(closed);
  }

  #requireStopped(what: string): void {
    if (this.#closed !== undefined) throw this.#closedError(what, this.#closed);
    if (!this.resumed) return;
    throw new GdbStateError(`cannot ${what}: the guest runs and any byte would stop it; interrupt it first`);
  }

  #closedError(what: string, { reason, cause }: GdbClosedError): GdbClosedError {
    return new GdbClosedError(`${what} at gdbstub "${this.#address}"`, reason, cause);
  }

  async #restoreOrder(limits: Limits): Promise<void> {
    limits.signal?.throwIfAborted();
    if (this.#inSync) return;
    await this.#begin('resync', RESYNC, limits);
    this.#inSync = true;
    this.observations.observe({ kind: 'resynchronised' });
  }

  #begin(kind: ExchangeKind, payload: string, limits: Limits): Promise<string> {
    if (this.#closed !== undefined) return Promise.reject(this.#closedError(limits.what, this.#closed));
    if (this.#exchange !== undefined) {
      throw new GdbStateError(`cannot ${limits.what}: another exchange is under way; await it first`);
    }
    const packet = { kind, payload, acked: !this.#line.acks };
    const exchange = startExchange(packet, limits, (answered) => {
      this.#exchange = undefined;
      if (!answered) this.#inSync = false;
    });
    this.#exchange = exchange;
    this.#line.send(payload);
    if (kind === 'resume' && !this.#line.acks) this.#state = 'running';
    return exchange.promise;
  }

  #takeAck(): void {
    if (this.#exchange === undefined || this.#exchange.acked) return;
    this.#exchange.acked = true;
    if (this.#exchange.kind === 'resume') this.#state = 'running';
  }

  #repeat(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.acked) return;
    exchange.repeats += 1;
    if (exchange.repeats > MAX_REPEATS) {
      this.#break(`it refused "${excerpt(exchange.payload)}" ${exchange.repeats} times`);
      return;
    }
    this.observations.observe({ kind: 'retransmission', payload: excerpt(exchange.payload) });
    this.#line.send(exchange.payload);
  }

  #takePacket(payload: string): void {
    const exchange = this.#exchange;
    // A reply follows the acknowledgement of its request; a packet before that belongs to an earlier request.
    const answers = exchange?.acked === true ? exchange.kind : undefined;
    switch (meaningOf(payload, { answers, running: this.#state === 'running' })) {
      case 'reply': {
        exchange?.resolve(payload);
        return;
      }
      case 'stop': {
        this.#takeStop(payload);
        return;
      }
      case 'console-output': {
        this.observations.observe({ kind: 'console-output', payload: excerpt(payload) });
        return;
      }
      case 'refusal': {
        this.#refuseResume(payload);
        return;
      }
      case 'unexpected': {
        this.observations.observe({ kind: 'unexpected-packet', payload: excerpt(payload) });
      }
    }
  }

  #takeStop(payload: string): void {
    const reply = parseStopReply(payload);
    if (reply === undefined) return;
    const resume = this.#state === 'running' ? this.resumes : undefined;
    if (this.#state === 'running') this.#state = 'stopped';
    // A resume that was acknowledged in these bytes has begun and ended: its caller need not wait further.
    if (resume !== undefined) this.#settleResume();
    const stop = this.stops.append({ ...reply, resume, atMs: this.#options.now(), text: payload });
    this.observations.call('onStop', () => this.#options.onStop?.(stop));
  }

  /** Settles after all bytes that arrived together were read, so that a refusal among them counts. */
  #settleResume(): void {
    if (this.#exchange?.kind === 'resume' && this.#exchange.acked) this.#exchange.resolve('');
  }

  #refuseResume(payload: string): void {
    const error = remoteError('let the guest run', this.#exchange?.payload ?? 'vCont', payload);
    this.#state = 'stopped';
    this.#refusal = error;
    if (this.#exchange?.kind === 'resume') this.#exchange.reject(error);
    this.stops.failWaiters(() => error, this.resumes);
  }

  #break(why: string): void {
    const error = new GdbProtocolError(
      `cannot use gdbstub "${this.#address}": ${oneLine(why)}; is it a gdbstub?`,
    );
    this.end(error.message, error);
  }
}
