import type { Target } from './target.js';

/**
 * QMP inject-nmi. On a booted Linux it reaches the boot CPU only, because LINT1 is masked on the others (measured,
 * QEMU 7.2).
 */
export async function fireNmi(target: Target): Promise<void> {
  target.fact({ fact: 'fired', how: 'qmp inject-nmi' });
  await target.injectNmi();
}
