import type { NamedEffect } from '../symbols/index.js';

/**
 * Functions that wait for a lock whose address is their first argument, or are called by one that does (kernel/locking,
 * arch/x86/include/asm/qspinlock.h, v6.1 and v6.12; ticket locks: arch/x86/include/asm/spinlock.h, v3.2).
 */
export const LOCK_FUNCTION =
  /^(?:(?:native_|__pv_)?queued_(?:spin|read|write)_lock_slowpath|(?:__raw_callee_save_)?__pv_\w+|pv_wait\w*|kvm_wait|xen_qlock_wait|virt_spin_lock|_{0,2}(?:raw_)?_?(?:spin|read|write)_(?:try)?lock\w*|do_raw_(?:spin|read|write)_(?:try)?lock\w*|__ticket_spin_lock\w*|ticket_spin_lock\w*|__(?:read|write)_lock_failed|rt_spin_lock\w*|osq_lock|__?mutex_lock\w*|mutex_lock\w*|mutex_spin_on_owner|mutex_optimistic_spin|rwsem_\w*spin\w*|rwsem_down_\w+|arch_(?:spin|read|write)_lock\w*)(?:\..*)?$/;

const PLAIN = String.raw`(?:_irq|_irqsave|_bh|_nested|_irqsave_nested|_nest_lock)?`;
const TAKES = new RegExp(
  `^(?:_?_raw_(?:spin|read|write)_lock${PLAIN}|_(?:spin|read|write)_lock${PLAIN}|rt_(?:spin|read|write)_lock|(?:native_|__pv_)?queued_(?:spin|read|write)_lock_slowpath|mutex_lock(?:_nested)?|down|down_(?:read|write)(?:_nested)?)$`,
);
const TRIES =
  /^(?:_?_?raw_\w*trylock\w*|(?:_|rt_)(?:spin|read|write)_trylock\w*|mutex_trylock|down_trylock|down_(?:read|write)_trylock|(?:mutex_lock|down|down_read|down_write)_(?:interruptible|killable|timeout))$/;
const GIVES =
  /^(?:_?_raw_(?:spin|read|write)_unlock\w*|_(?:spin|read|write)_unlock\w*|(?:__raw_callee_save_)?(?:__pv|native)_queued_spin_unlock\w*|rt_(?:spin|read|write)_unlock|mutex_unlock|up|up_(?:read|write))$/;
/** Code that the compiler made of guard(lock) (include/linux/cleanup.h, v6.12), and functions that take locks by name. */
const WRAPS = /(?:_constructor|lock|_irqsave)(?:\.|$)/;

/**
 * Whether a call of a lock function took the lock, by its result: a trylock returns 1, but down_trylock() 0 and those that
 * can be interrupted 0 (kernel/locking, v6.1).
 */
export function takesBy(name: string, returned: bigint): boolean {
  const effect = lockEffectOf(name);
  if (effect !== 'tries') return effect === 'takes';
  const isZero = /^down_trylock|_(?:interruptible|killable|timeout)(?:\.|$)/.test(name);
  return BigInt.asIntN(32, returned) === (isZero ? 0n : 1n);
}

/** What a function does to locks, by its name. */
export function lockEffectOf(name: string): NamedEffect {
  const plain = name.replace(/\..*$/, '');
  if (/^__(?:fentry|x86_return_thunk|sanitizer_cov)/.test(plain)) return 'nothing';
  // A copy that the compiler specialised may have another first argument.
  if (plain === name || /\.(?:isra|part)\./.test(name)) {
    if (TAKES.test(plain)) return 'takes';
    if (TRIES.test(plain)) return 'tries';
    if (GIVES.test(plain)) return 'gives';
  }
  if (/_destructor|unlock/.test(plain)) return 'gives-all';
  return WRAPS.test(name) ? 'wraps' : 'none';
}
