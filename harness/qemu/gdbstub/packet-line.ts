import { Observations } from '../socket/observations.js';
import type { Transport, TransportHandlers } from '../socket/transport.js';
import { type FramingItem, PacketFraming } from './framing.js';
import { excerpt, type ObservationBody } from './observation.js';
import type { GdbDirection, LinkOptions } from './options.js';
import { framePacket } from './packet.js';

/** How many bad packets in a row are tolerated. */
const MAX_BAD_IN_A_ROW = 5;
const INTERRUPT = '\u0003';

/** Reports of a line to its owner. Nothing is reported after `onClose`, nor after {@link PacketLine.close}. */
export interface PacketLineEvents {
  /** The stub has received the last packet, or requests it again. */
  readonly onAck: () => void;
  readonly onNack: () => void;
  readonly onPacket: (payload: string) => void;
  /** All bytes that arrived together were read; they are acknowledged after this. */
  readonly onRead: () => void;
  /** The peer no longer follows the protocol. */
  readonly onBroken: (why: string) => void;
  readonly onClose: (reason: string, cause?: unknown) => void;
}

/** Packets over a byte stream, with their acknowledgements, independent of their meaning. */
export class PacketLine {
  readonly observations: Observations<ObservationBody>;
  readonly #options: LinkOptions;
  readonly #events: PacketLineEvents;
  readonly #framing: PacketFraming;
  #transport: Transport | undefined;
  #isOpen = true;
  #acks = true;
  #badInARow = 0;
  #owed: '' | '+' | '-' = '';

  constructor(options: LinkOptions, events: PacketLineEvents) {
    this.#options = options;
    this.#events = events;
    this.#framing = new PacketFraming(options.maxPacketBytes);
    this.observations = new Observations<ObservationBody>(options);
  }

  /** The handlers with which to open the transport; bytes may arrive before `attach`. */
  readonly handlers: TransportHandlers = {
    onBytes: (bytes) => this.#receive(bytes),
    onClose: (reason, cause) => this.#events.onClose(reason, cause),
  };

  attach(transport: Transport): void {
    this.#transport = transport;
    if (!this.#isOpen) transport.destroy();
  }

  /** Whether both sides acknowledge packets. */
  get acks(): boolean {
    return this.#acks;
  }

  /** Turns acknowledgements off, for both sides. */
  dropAcks(): void {
    this.#acks = false;
  }

  /** True inside a packet whose end has not arrived yet. */
  get midPacket(): boolean {
    return this.#framing.midPacket;
  }

  send(payload: string): void {
    this.#tap('sent', payload);
    this.#transport?.send(`${this.#takeOwed()}${framePacket(payload)}`);
  }

  /** Sends the byte that stops a running guest. */
  sendInterrupt(): void {
    this.#tap('sent', INTERRUPT);
    this.#transport?.send(`${this.#takeOwed()}${INTERRUPT}`);
  }

  /**
   * Acknowledges with the next packet, which follows at once when the stub is asked one question after the other, or else
   * when everything that the answer brings about is done: to write to a socket costs more than all else of a question.
   */
  #owe(answer: '+' | '-'): void {
    if (this.#owed === '') setImmediate(() => this.#pay());
    this.#owed = answer;
  }

  #pay(): void {
    const owed = this.#takeOwed();
    if (owed !== '' && this.#isOpen) this.#transport?.send(owed);
  }

  #takeOwed(): '' | '+' | '-' {
    const owed = this.#owed;
    this.#owed = '';
    return owed;
  }

  close(): void {
    this.#isOpen = false;
    this.#transport?.destroy();
  }

  #receive(bytes: Uint8Array): void {
    if (!this.#isOpen) return;
    let answer: '' | '+' | '-' = '';
    this.#framing.push(bytes, (item) => {
      if (!this.#isOpen) return;
      if (item.kind === 'packet') answer = '+';
      if (item.kind === 'bad-packet') answer = '-';
      this.#take(item);
    });
    this.#events.onRead();
    if (!this.#acks || answer === '' || !this.#isOpen) return;
    // A packet was cut off by its successor, which is still coming.
    if (answer === '-' && this.#framing.midPacket) return;
    // One answer for all packets that came at once: QEMU remembers only its last packet, and a second `+`, with
    // nothing to acknowledge, makes it stop a running guest (gdb_read_byte).
    this.#owe(answer);
  }

  #take(item: FramingItem): void {
    switch (item.kind) {
      case 'ack': {
        this.#events.onAck();
        return;
      }
      case 'nack': {
        this.#events.onNack();
        return;
      }
      case 'packet': {
        this.#badInARow = 0;
        this.#tap('received', item.payload);
        this.#events.onPacket(item.payload);
        return;
      }
      case 'notification': {
        this.#tap('received', `%${item.payload}`);
        this.observations.observe({ kind: 'notification', payload: excerpt(item.payload) });
        return;
      }
      case 'bad-packet':
      case 'bad-notification': {
        this.observations.observe(item);
        if (item.kind === 'bad-notification') return;
        this.#badInARow += 1;
        const tooMany = this.#badInARow > MAX_BAD_IN_A_ROW || !this.#acks;
        if (tooMany) this.#events.onBroken(`it sends broken packets (${item.why})`);
        return;
      }
      case 'junk': {
        this.observations.observe({ kind: 'junk', bytes: item.bytes });
      }
    }
  }

  #tap(direction: GdbDirection, text: string): void {
    const { onPacket, now } = this.#options;
    this.observations.call('onPacket', () => onPacket?.(direction, text, now()));
  }
}
