/** An MSI's content: an NMI, or a vector from 16 to 255 (lower ones are illegal, Intel SDM). */
export type InterruptMessage = { readonly nmi: true } | { readonly vector: number };

/** A message for people: `NMI`, `vector 209`. */
export function messageName(message: InterruptMessage): string {
  return 'nmi' in message ? 'NMI' : `vector ${message.vector}`;
}
