/** What a LinkedQueue holds: the queue owns both links while the item is inside. */
export interface Linked<T> {
  previous: T | undefined;
  next: T | undefined;
}

/** A queue linked through its items: both ends and removal from the middle in O(1), no allocation. */
export class LinkedQueue<T extends Linked<T>> {
  #first: T | undefined = undefined;
  #last: T | undefined = undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | undefined {
    return this.#first;
  }

  get last(): T | undefined {
    return this.#last;
  }

  push(item: T): void {
    item.previous = this.#last;
    item.next = undefined;
    if (this.#last === undefined) this.#first = item;
    else this.#last.next = item;
    this.#last = item;
    this.#size += 1;
  }

  /** Takes out an item that must be in this queue. */
  remove(item: T): void {
    if (item.previous === undefined) this.#first = item.next;
    else item.previous.next = item.next;
    if (item.next === undefined) this.#last = item.previous;
    else item.next.previous = item.previous;
    item.previous = undefined;
    item.next = undefined;
    this.#size -= 1;
  }

  /** Puts an item back where its order says, looking from the front: for items that were just taken from there. */
  restore(item: T, before: (other: T) => boolean): void {
    let at = this.#first;
    while (at !== undefined && before(at)) at = at.next;
    if (at === undefined) {
      this.push(item);
      return;
    }
    item.previous = at.previous;
    item.next = at;
    if (at.previous === undefined) this.#first = item;
    else at.previous.next = item;
    at.previous = item;
    this.#size += 1;
  }
}
