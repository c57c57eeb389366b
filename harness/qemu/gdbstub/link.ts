import { oneLine } from '../qmp/errors.js';
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
import { type FramingItem, PacketFraming } from './framing.js';
import type { Limits } from './limits.js';
import { excerpt } from './observation.js';
import type { LinkOptions } from './options.js';
import { framePacket } from './packet.js';
import { meaningOf } from './packet-meaning.js';
import { Reports } from './reports.js';
import { type GdbStop, StopLog } from './stop-log.js';
import { parseStopReply } from './stop-reply.js';

/** How often one packet is sent again when the stub says `-`, and how many bad packets in a row are borne. */
const MAX_REPEATS = 5;
/** Asked after a reply did not come in time: its reply is known by its looks, so everything before it is late. */
const RESYNC = 'qSupported:multiprocess+';
const INTERRUPT = '\u0003';

/** What the guest does, as far as this connection knows. */
export type GuestState = 'stopped' | 'running' | 'closed';

/** Routes packets between one transport and those who wait; knows the guest's state, but no particular request. */
export class Link {
  readonly stops: StopLog;
  readonly reports: Reports;
  /** Resolves when the connection is over and everyone who waited has been told. */
  readonly over: Promise<GdbClosedError>;
  /** How many resumes were sent; the number of the latest. */
  resumes = 0;

  readonly #address: string;
  readonly #options: LinkOptions;
  readonly #framing: PacketFraming;
  #announceOver: (error: GdbClosedError) => void = () => {};
  #transport: Transport | undefined;
  #state: GuestState = 'stopped';
  #exchange: Exchange | undefined;
  #refusal: GdbError | undefined;
  #acks = true;
  #inSync = true;
  #badInARow = 0;
  #closed: GdbClosedError | undefined;

  constructor(address: string, options: LinkOptions) {
    this.#address = address;
    this.#options = options;
    this.#framing = new PacketFraming(options.maxPacketBytes);
    this.stops = new StopLog(options.stopsKept);
    this.reports = new Reports(options);
    this.over = new Promise((resolve) => {
      this.#announceOver = resolve;
    });
  }

  /** What the transport is to be opened with; bytes may arrive before `attach`. */
  readonly handlers: TransportHandlers = {
    onBytes: (bytes) => this.#receive(bytes),
    onClose: (reason, cause) => this.end(reason, cause),
  };

  get state(): GuestState {
    return this.#state;
  }

  attach(transport: Transport): void {
    this.#transport = transport;
    if (this.#state === 'closed') transport.destroy();
  }

  /** From now on neither side acknowledges. */
  dropAcks(): void {
    this.#acks = false;
  }

  /** Somebody else (QMP) let the guest go or stopped it. */
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
   * Sends a packet that lets vCPUs run. Resolves when the stub has acknowledged it; a stop reply that is read before
   * that is an older one. Fails with the stub's refusal when it comes along with the acknowledgement.
   */
  async resume(payload: string, limits: Limits): Promise<void> {
    this.#requireStopped(limits.what);
    await this.#restoreOrder(limits);
    this.resumes += 1;
    this.#refusal = undefined;
    try {
      await this.#begin('resume', payload, limits);
    } catch (error) {
      // Sent, and no answer: it may run, and then any byte but an interrupt is harmful.
      if (!(error instanceof GdbRemoteError) && this.#state === 'stopped') this.#state = 'running';
      throw error;
    }
  }

  /** Stops the guest; QEMU answers with a stop reply, or not when it has stopped by itself meanwhile. */
  sendInterrupt(): void {
    this.reports.packet('sent', INTERRUPT);
    this.#transport?.send(INTERRUPT);
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
    this.#transport?.destroy();
    const lost = oneLine(this.#framing.midPacket ? `${reason}, in the middle of a packet` : reason);
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
    this.reports.observe({ kind: 'resynchronised' });
  }

  #begin(kind: ExchangeKind, payload: string, limits: Limits): Promise<string> {
    if (this.#closed !== undefined) return Promise.reject(this.#closedError(limits.what, this.#closed));
    if (this.#exchange !== undefined) {
      throw new GdbStateError(`cannot ${limits.what}: another exchange is under way; await it first`);
    }
    const packet = { kind, payload, acked: !this.#acks };
    const exchange = startExchange(packet, limits, (answered) => {
      this.#exchange = undefined;
      if (!answered) this.#inSync = false;
    });
    this.#exchange = exchange;
    this.#send(payload);
    if (kind === 'resume' && !this.#acks) this.#state = 'running';
    return exchange.promise;
  }

  #send(payload: string): void {
    this.reports.packet('sent', payload);
    this.#transport?.send(framePacket(payload));
  }

  #receive(bytes: Uint8Array): void {
    if (this.#state === 'closed') return;
    let reply: '' | '+' | '-' = '';
    this.#framing.push(bytes, (item) => {
      if (this.#state === 'closed') return;
      if (item.kind === 'packet') reply = '+';
      if (item.kind === 'bad-packet') reply = '-';
      this.#take(item);
    });
    this.#settleResume();
    if (!this.#acks || reply === '' || this.state === 'closed') return;
    // A packet was cut off by its successor, which is still coming.
    if (reply === '-' && this.#framing.midPacket) return;
    // One answer for all that came at once: QEMU remembers only its last packet, and takes a second `+` that finds
    // nothing to acknowledge while the guest runs for a reason to stop it (gdb_read_byte).
    this.#transport?.send(reply);
  }

  #take(item: FramingItem): void {
    switch (item.kind) {
      case 'ack': {
        if (this.#exchange === undefined || this.#exchange.acked) return;
        this.#exchange.acked = true;
        if (this.#exchange.kind === 'resume') this.#state = 'running';
        return;
      }
      case 'nack': {
        this.#repeat();
        return;
      }
      case 'packet': {
        this.#badInARow = 0;
        this.#takePacket(item.payload);
        return;
      }
      case 'notification': {
        this.reports.packet('received', `%${item.payload}`);
        this.reports.observe({ kind: 'notification', payload: excerpt(item.payload) });
        return;
      }
      case 'bad-packet':
      case 'bad-notification': {
        this.reports.observe(item);
        if (item.kind === 'bad-notification') return;
        this.#badInARow += 1;
        const tooMany = this.#badInARow > MAX_REPEATS || !this.#acks;
        if (tooMany) this.#break(`it sends broken packets (${item.why})`);
        return;
      }
      case 'junk': {
        this.reports.observe({ kind: 'junk', bytes: item.bytes });
      }
    }
  }

  #repeat(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.acked) return;
    exchange.repeats += 1;
    if (exchange.repeats > MAX_REPEATS) {
      this.#break(`it refused "${excerpt(exchange.payload)}" ${exchange.repeats} times`);
      return;
    }
    this.reports.observe({ kind: 'retransmission', payload: excerpt(exchange.payload) });
    this.#send(exchange.payload);
  }

  #takePacket(payload: string): void {
    this.reports.packet('received', payload);
    const exchange = this.#exchange;
    // A reply follows its request's acknowledgement; what is read before belongs to something older.
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
        this.reports.observe({ kind: 'console-output', payload: excerpt(payload) });
        return;
      }
      case 'refusal': {
        this.#refuseResume(payload);
        return;
      }
      case 'unexpected': {
        this.reports.observe({ kind: 'unexpected-packet', payload: excerpt(payload) });
      }
    }
  }

  #takeStop(payload: string): void {
    const reply = parseStopReply(payload);
    if (reply === undefined) return;
    const resume = this.#state === 'running' ? this.resumes : undefined;
    if (this.#state === 'running') this.#state = 'stopped';
    // A resume that was acknowledged in these same bytes has begun, and is over: its caller need not wait for more.
    if (resume !== undefined) this.#settleResume();
    const stop = this.stops.append({ ...reply, resume, atMs: this.#options.now(), text: payload });
    this.reports.stop(stop);
  }

  /** Told after all bytes that came along were read, so that a refusal among them counts. */
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
