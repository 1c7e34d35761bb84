const nobody = 65_534;

/** Runs without root's right to read everything, so that the permissions of files count; as any other user, as is. */
export async function withoutPrivileges<T>(run: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return run();
  process.seteuid?.(nobody);
  try {
    return await run();
  } finally {
    process.seteuid?.(0);
  }
}
