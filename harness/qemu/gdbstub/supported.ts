/** Features that the stub announced. */
export interface StubFeatures {
  /** Longest packet that it takes, in bytes between `$` and `#`. */
  readonly packetBytes: number;
  readonly multiprocess: boolean;
  /** Target descriptions can be read. */
  readonly targetDescription: boolean;
  readonly noAckMode: boolean;
}

/** Used when the stub does not announce one; every stub accepts a packet of that size. */
const FALLBACK_PACKET_BYTES = 1024;
const MIN_PACKET_BYTES = 128;
/** An announced size is not trusted; requests are never longer than this. */
const MAX_PACKET_BYTES = 64 * 1024;

/** Reads the reply to `qSupported`: `PacketSize=1000;qXfer:features:read+;...`. Unknown features are skipped. */
export function parseSupported(reply: string): StubFeatures {
  const words = new Set(reply.split(';'));
  const size = /(?:^|;)PacketSize=([0-9a-f]{1,8})(?:;|$)/iu.exec(reply)?.[1];
  const claimed = size === undefined ? FALLBACK_PACKET_BYTES : Number.parseInt(size, 16);
  return {
    packetBytes: Math.min(MAX_PACKET_BYTES, Math.max(MIN_PACKET_BYTES, claimed)),
    multiprocess: words.has('multiprocess+'),
    targetDescription: words.has('qXfer:features:read+'),
    noAckMode: words.has('QStartNoAckMode+'),
  };
}
