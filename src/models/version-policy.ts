import type { VersionPolicyConfig } from './config.ts';

/** Which of the versions that exist should serve. Pure; `versions` in ascending numeric order, and so is the result. */
export function chooseVersions(
  policy: VersionPolicyConfig | undefined,
  versions: readonly string[],
): readonly string[] {
  if (policy?.all !== undefined) return versions;
  if (policy?.specific !== undefined) {
    const wanted = new Set(policy.specific.versions.map(String));
    return versions.filter((version) => wanted.has(version));
  }
  const count = policy?.latest?.num_versions ?? 0;
  // 0 is the proto's default for a field left out: one version.
  return versions.slice(-Math.max(1, count));
}

const mostVersion = 2n ** 63n - 1n;

/** A positive integer of the protocol's int64, without leading zeros: how version folders are named. */
export function isVersion(name: string): boolean {
  return /^[1-9]\d{0,18}$/.test(name) && BigInt(name) <= mostVersion;
}

/** Ascending by number; exact where a double is not, for versions made of a date and a time. */
export function compareVersions(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
