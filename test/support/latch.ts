/** A promise that the test opens: lets it hold an asynchronous step where it wants to look. */
export class Latch<T = void> {
  readonly opened: Promise<T>;
  readonly open: (value: T) => void;
  readonly fail: (error: Error) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.opened = promise;
    this.open = resolve;
    this.fail = reject;
  }
}
