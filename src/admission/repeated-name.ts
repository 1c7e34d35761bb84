/** More inputs or outputs than this in one request are refused before they are compared. */
export const maxTensors = 1024;

/** Up to so many names it is cheaper to compare each with each than to build a set. */
const fewNames = 16;

/** The first name that occurs a second time, or undefined. */
export function repeatedName(items: readonly { readonly name: string }[]): string | undefined {
  if (items.length > fewNames) return repeatedAmongMany(items);
  for (let i = 1; i < items.length; i++) {
    const name = items[i]?.name;
    for (let earlier = 0; earlier < i; earlier++) if (items[earlier]?.name === name) return name;
  }
  return undefined;
}

function repeatedAmongMany(items: readonly { readonly name: string }[]): string | undefined {
  const seen = new Set<string>();
  for (const { name } of items) {
    if (seen.has(name)) return name;
    seen.add(name);
  }
  return undefined;
}
