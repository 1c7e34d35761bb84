import { sourceMisconfigured } from './refusals.ts';

/** @throws ServingError SOURCE_CONFIGURATION that says what to install, when `load` cannot find the package. */
export async function optionalPackage<T>(names: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw sourceMisconfigured(
      `this model repository needs a package that is not installed: npm install ${names}`,
    );
  }
}
