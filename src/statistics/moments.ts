/** Count, mean and variance of values that are not kept (Welford's method). */
export class Moments {
  count = 0;
  mean = 0;
  /** Sum of squared deviations from the mean. */
  squares = 0;

  static of(values: Iterable<number>): Moments {
    const moments = new Moments();
    for (const value of values) moments.add(value);
    return moments;
  }

  add(value: number): void {
    this.count++;
    const off = value - this.mean;
    this.mean += off / this.count;
    this.squares += off * (value - this.mean);
  }

  /** Takes in what another has seen (Chan's method). */
  merge({ count, mean, squares }: Moments): void {
    if (count === 0) return;
    const all = this.count + count;
    const off = mean - this.mean;
    this.mean += (off * count) / all;
    this.squares += squares + (off * off * this.count * count) / all;
    this.count = all;
  }

  /** Of a sample: divided by one less than the count. NaN below two values. */
  variance(): number {
    return this.count < 2 ? Number.NaN : this.squares / (this.count - 1);
  }
}
