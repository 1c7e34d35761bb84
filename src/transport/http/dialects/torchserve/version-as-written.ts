import { refuseTorchserve } from './refuse-torchserve.ts';

/**
 * The version that a path names; '' for none. TorchServe's clients write `1.0` for 1.
 *
 * @throws not_found for what is no number.
 */
export function versionAsWritten(model: string, written: string): string {
  if (written === '') return '';
  const version = /^(\d{1,18})(?:\.0)?$/.exec(written)?.[1];
  if (version === undefined) throw refuseTorchserve.version(model, written);
  return version;
}
