import { categoriesOf, categoryOf, profileNumbers } from './build-profile.ts';
import type { FeatureProfile } from './profile.ts';

/** Words for a missing value in tables; pandas and R write them. */
const missingWords: ReadonlySet<string> = new Set(['', 'na', 'nan', 'null', 'none', 'n/a']);

/** One column of a table, until it is a profile. */
export class ColumnSample {
  readonly #numbers: number[] = [];
  readonly #texts = new Map<string, number>();
  #missing = 0;

  /** A text that is a number counts as one, as in CSV everything is a text. */
  add(value: unknown): void {
    if (typeof value === 'number') this.#addNumber(value);
    else if (typeof value === 'bigint' || typeof value === 'boolean') this.#addNumber(Number(value));
    else if (value instanceof Date) this.#addNumber(value.getTime());
    else if (typeof value === 'string') this.#addText(value);
    else this.#missing++;
  }

  /** Numbers where there are no other texts; else categories, the numbers among them. */
  profile(name: string): FeatureProfile {
    if (this.#texts.size === 0) {
      const profile = profileNumbers(name, this.#numbers);
      return { ...profile, missing: profile.missing + this.#missing };
    }
    for (const value of this.#numbers) this.#count(String(value));
    return categoriesOf(name, this.#texts, this.#missing);
  }

  #addNumber(value: number): void {
    if (Number.isFinite(value)) this.#numbers.push(value);
    else this.#missing++;
  }

  #addText(text: string): void {
    const trimmed = text.trim();
    if (missingWords.has(trimmed.toLowerCase())) this.#missing++;
    else if (Number.isFinite(Number(trimmed))) this.#numbers.push(Number(trimmed));
    else this.#count(trimmed);
  }

  #count(text: string): void {
    const category = categoryOf(text);
    this.#texts.set(category, (this.#texts.get(category) ?? 0) + 1);
  }
}
