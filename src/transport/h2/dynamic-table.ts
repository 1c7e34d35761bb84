import type { HeaderField } from './header-field.ts';
import { defaultHeaderTableBytes } from './protocol.ts';

/** No field is smaller than 32 bytes, so a table of 4,096 bytes never holds more. */
const slots = defaultHeaderTableBytes / 32;

/** The decoder's table of RFC 7541, section 2.3.2, for a capacity of at most 4,096 bytes. Index 0 is the newest. */
export class DynamicTable {
  readonly #ring: (HeaderField | undefined)[] = Array.from<HeaderField | undefined>({ length: slots });
  #newest = 0;
  #count = 0;
  #sizeBytes = 0;
  #capacityBytes = defaultHeaderTableBytes;

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get(index: number): HeaderField | undefined {
    return index < this.#count ? this.#ring[(this.#newest + slots - index) % slots] : undefined;
  }

  /** Evicts what does not fit any more. `capacityBytes` is at most 4,096. */
  resize(capacityBytes: number): void {
    this.#capacityBytes = capacityBytes;
    this.#evictTo(capacityBytes);
  }

  /** A field larger than the table empties it and is not kept (RFC 7541, section 4.4). */
  add(field: HeaderField): void {
    this.#evictTo(this.#capacityBytes - field.sizeBytes);
    if (field.sizeBytes > this.#capacityBytes) return;
    this.#newest = (this.#newest + 1) % slots;
    this.#ring[this.#newest] = field;
    this.#count++;
    this.#sizeBytes += field.sizeBytes;
  }

  #evictTo(sizeBytes: number): void {
    while (this.#sizeBytes > sizeBytes && this.#count > 0) {
      const oldest = (this.#newest + slots - this.#count + 1) % slots;
      this.#sizeBytes -= this.#ring[oldest]?.sizeBytes ?? 0;
      this.#ring[oldest] = undefined;
      this.#count--;
    }
  }
}
