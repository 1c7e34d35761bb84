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
