import { boundedWait, type BoundedWait, type WaitLimits } from './bounded-wait.js';

interface Waiter<Item> {
  readonly matches: (item: Item) => boolean;
  readonly group: number | undefined;
  readonly wait: BoundedWait<Item>;
}

/** Limits of a wait for an item. */
export interface NextLimits extends Omit<WaitLimits, 'onOver'> {
  /** Kept items count from this sequence number on. */
  readonly since: number;
  /** A number by which `failWaiters` can name this wait. */
  readonly group?: number | undefined;
}

/** A bounded log of received items, in order, and the waits for items. */
export class RecentLog<Item extends { readonly seq: number }> {
  readonly #limit: number;
  readonly #items: Item[] = [];
  readonly #waiters = new Set<Waiter<Item>>();
  #nextSeq = 0;

  /** Keeps at most `limit` items; the oldest is dropped first. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The kept items, oldest first; a live view. */
  get items(): readonly Item[] {
    return this.#items;
  }

  /** How many items were dropped because of the limit. */
  get dropped(): number {
    return this.#nextSeq - this.#items.length;
  }

  /** The sequence number that the next item will have. */
  get mark(): number {
    return this.#nextSeq;
  }

  /** Records an item and resolves the waits that it matches. */
  append(make: (seq: number) => Item): Item {
    const item = make(this.#nextSeq);
    this.#nextSeq += 1;
    this.#items.push(item);
    if (this.#items.length > this.#limit) this.#items.shift();
    for (const waiter of Array.from(this.#waiters)) offer(item, waiter);
    return item;
  }

  /** Resolves with the first matching item: kept ones from `since` on, then those to come. */
  next(matches: (item: Item) => boolean, limits: NextLimits): Promise<Item> {
    let waiter: Waiter<Item> | undefined;
    const wait = boundedWait<Item>({
      ...limits,
      onOver: () => {
        if (waiter !== undefined) this.#waiters.delete(waiter);
      },
    });
    if (limits.signal?.aborted === true) return wait.promise;
    waiter = { matches, group: limits.group, wait };
    this.#waiters.add(waiter);
    for (let at = Math.max(0, limits.since - this.dropped); at < this.#items.length; at += 1) {
      const item = this.#items[at];
      if (item === undefined || !this.#waiters.has(waiter)) break;
      offer(item, waiter);
    }
    return wait.promise;
  }

  /** Fails the waits of one group, or all: no further item can come. */
  failWaiters(makeError: () => Error, group?: number): void {
    for (const waiter of Array.from(this.#waiters)) {
      if (group === undefined || waiter.group === group) waiter.wait.reject(makeError());
    }
  }
}

function offer<Item>(item: Item, waiter: Waiter<Item>): void {
  try {
    if (waiter.matches(item)) waiter.wait.resolve(item);
  } catch (error) {
    waiter.wait.reject(error);
  }
}
