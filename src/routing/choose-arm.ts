import { wholeWeight, type Arm } from '../inference/traffic-split.ts';
import { hashText } from '../util/string-hash.ts';

/** Longer keys are told apart by their first so many characters: hashing must not cost what a client claims. */
const hashedCharacters = 256;

/** Where a key stands among all keys of an experiment: 0 to `wholeWeight` - 1. @param seed the hash of the experiment's salt. */
export function bucketOfKey(key: string, seed: number): number {
  return hashText(key.length > hashedCharacters ? key.slice(0, hashedCharacters) : key, seed) % wholeWeight;
}

/** The seed of an experiment's buckets. */
export function seedOf(salt: string): number {
  return hashText(salt, 0);
}

/**
 * The index of the arm that owns a bucket. All arms but the first own the lowest buckets, in their order, and the first what
 * is left: of two arms, nobody who was in the second leaves it when its weight grows.
 */
export function armOfBucket(arms: readonly Pick<Arm, 'weight'>[], bucket: number): number {
  let end = 0;
  for (let index = 1; index < arms.length; index++) {
    end += arms[index]?.weight ?? 0;
    if (bucket < end) return index;
  }
  return 0;
}

/** An arm as a key meets it: its part, and the seed by which it draws lots. */
export interface DrawnArm {
  readonly weight: number;
  readonly seed: number;
}

/** The seed of one arm of an experiment. @param seed the hash of the experiment's salt. */
export function seedOfArm(label: string, seed: number): number {
  return hashText(label, seed);
}

/**
 * The index of the arm that wins a key by weighted rendezvous hashing: of many arms whose weights change in all directions, a key
 * leaves its own only for one whose weight has grown in proportion to that of its own.
 */
export function armOfKey(arms: readonly DrawnArm[], key: string): number {
  const text = key.length > hashedCharacters ? key.slice(0, hashedCharacters) : key;
  let winner = 0;
  let shortest = Infinity;
  for (let index = 0; index < arms.length; index++) {
    const arm = arms[index];
    if (arm === undefined || arm.weight <= 0) continue;
    const wait = -Math.log((hashText(text, arm.seed) + 0.5) / 2 ** 32) / arm.weight;
    if (wait < shortest) {
      shortest = wait;
      winner = index;
    }
  }
  return winner;
}
