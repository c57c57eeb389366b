/** IEEE's first type for local experiments: no protocol of any guest takes it. */
const LOCAL_EXPERIMENT = 0x88b5;

/** A broadcast frame that no protocol wants: its whole effect is that a card receives it. */
export function broadcastFrame(sizeBytes: number): Buffer {
  const frame = Buffer.alloc(sizeBytes);
  frame.fill(0xff, 0, 6);
  Buffer.from([0x52, 0x54, 0, 0, 0, 1]).copy(frame, 6);
  frame.writeUInt16BE(LOCAL_EXPERIMENT, 12);
  return frame;
}
