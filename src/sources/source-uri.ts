import { createHash } from 'node:crypto';
import type { VersionWish } from './mlflow-origin.ts';
import { printable } from '../util/printable.ts';
import { sourceMisconfigured } from './refusals.ts';

/** Where models are, by the kinds of places that there are. `prefix` and `path` have no slash at either end. */
export type SourcePlace =
  | {
      readonly kind: 's3';
      readonly endpoint: string | undefined;
      readonly bucket: string;
      readonly prefix: string;
    }
  | { readonly kind: 'gcs'; readonly bucket: string; readonly prefix: string }
  | {
      readonly kind: 'azure';
      /** undefined: the one of AZURE_STORAGE_ACCOUNT. */
      readonly account: string | undefined;
      readonly container: string;
      readonly prefix: string;
    }
  | { readonly kind: 'mlflow'; readonly name: string; readonly wish: VersionWish }
  | {
      readonly kind: 'hugging-face';
      /** `organisation/repository`. */
      readonly repository: string;
      readonly revision: string;
      readonly file: string | undefined;
    }
  | {
      readonly kind: 'oci';
      readonly registry: string;
      readonly repository: string;
      readonly reference: string;
    }
  | { readonly kind: 'http'; readonly url: string };

export interface SourceUri {
  readonly place: SourcePlace;
  /** As it was given; it holds no secret. For the log and for labels of metrics. */
  readonly shown: string;
  /** Of the model, where the place holds a single one. */
  readonly name: string;
  /** Names its folder in the cache. */
  readonly key: string;
}

/** @throws ServingError SOURCE_CONFIGURATION; its text repeats the place only once it is known to hold no secret. */
export function parseSourceUri(text: string): SourceUri {
  const registered = /^models:\/+(.*)$/s.exec(text);
  if (registered !== null) return registeredModel(text, registered[1] ?? '');
  const [scheme = ''] = text.split('://');
  if (scheme === 'oci') return artifact(text);
  if (scheme === 'hf') return hubRepository(text);
  if (/^[^/]*:\/\/(?:https?:\/\/)?[^/]*@/.test(text)) {
    throw sourceMisconfigured(
      `a model repository of ${scheme}:// has credentials in its address; they come from the environment or from files only`,
    );
  }
  if (/[?#]/.test(text)) {
    throw sourceMisconfigured(
      `a model repository of ${scheme}:// has a query or a fragment; signed addresses are not taken`,
    );
  }
  const place = placeOf(scheme, text);
  const last = text.replace(/\/+$/, '').split('/').at(-1) ?? '';
  const name = last.replace(/\.(?:json|onnx)$/, '');
  return { place, shown: text, name, key: keyOf(name, text) };
}

function hashOf(text: string): string {
  return createHash('sha256').update(text.replace(/\/+$/, '')).digest('hex').slice(0, 16);
}

function placeOf(scheme: string, text: string): SourcePlace {
  const rest = text.slice(scheme.length + 3);
  if (scheme === 's3') return s3Place(rest, text);
  const [first = '', ...others] = rest.split('/');
  if (scheme === 'gs') {
    if (first === '') throw wrong(text, 'gs://bucket/prefix');
    return { kind: 'gcs', bucket: first, prefix: joined(others) };
  }
  if (scheme === 'as') {
    const [container = '', ...path] = others;
    if (first === '' || container === '') throw wrong(text, 'as://account/container/prefix');
    return { kind: 'azure', account: first, container, prefix: joined(path) };
  }
  if (scheme === 'az') {
    if (first === '') throw wrong(text, 'az://container/prefix, with AZURE_STORAGE_ACCOUNT');
    return { kind: 'azure', account: undefined, container: first, prefix: joined(others) };
  }
  if (!URL.canParse(text) || first === '') throw wrong(text, 'https://host/path');
  return { kind: 'http', url: new URL(text).href };
}

/** oci://registry/repository:tag or @sha256:digest. A registry of this machine is asked without encryption, as Docker does. */
function artifact(text: string): SourceUri {
  const form =
    /^oci:\/\/([\w.-]+(?::\d{1,5})?|\[[0-9a-f:]+\]:\d{1,5})\/([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([\w][\w.-]{0,127})|@(sha256:[0-9a-f]{64}))?$/;
  const [, host = '', repository = '', tag = 'latest', digest] = form.exec(text) ?? [];
  if (host === '' || repository.includes('..'))
    throw wrong(text, 'oci://registry/repository:tag or oci://registry/repository@sha256:digest');
  const isOwn = /^(?:localhost|127(?:\.\d+){3}|\[::1\])(?::|$)/.test(host);
  const registry = `${isOwn ? 'http' : 'https'}://${host}`;
  const place: SourcePlace = { kind: 'oci', registry, repository, reference: digest ?? tag };
  const name = repository.split('/').at(-1) ?? '';
  return { place, shown: text, name, key: keyOf(name, text) };
}

/** hf://organisation/name, with @revision or :revision, and with the path of an ONNX file. */
function hubRepository(text: string): SourceUri {
  const form = /^hf:\/\/([\w.-]+)\/([\w.-]+)(?:[@:]([\w.-]+))?(?:\/([\w./ -]+\.onnx))?\/?$/;
  const [, organisation = '', name = '', revision = 'main', file] = form.exec(text) ?? [];
  if ([organisation, name, revision].some((part) => /^\.*$/.test(part)) || file?.includes('..') === true) {
    throw wrong(
      text,
      'hf://organisation/name, hf://organisation/name@revision, or one of these with /path/of/model.onnx',
    );
  }
  const place: SourcePlace = { kind: 'hugging-face', repository: `${organisation}/${name}`, revision, file };
  return { place, shown: text, name, key: keyOf(name, text) };
}

/** As MLflow writes it: models:/name@alias, models:/name/3, models:/name/Stage, models:/name/latest. */
function registeredModel(text: string, rest: string): SourceUri {
  const [, name = '', by = '', which = ''] =
    /^([^/@?#:%]{1,200})([@/])([^/@?#:%]{1,200})\/?$/.exec(rest) ?? [];
  if (name === '')
    throw wrong(text, 'models:/name@alias, models:/name/version, models:/name/stage or models:/name/latest');
  let wish: VersionWish = { kind: 'stage', stage: which };
  if (by === '@') wish = { kind: 'alias', alias: which };
  else if (/^[1-9]\d{0,17}$/.test(which)) wish = { kind: 'version', version: which };
  else if (which === 'latest') wish = { kind: 'latest' };
  const place: SourcePlace = { kind: 'mlflow', name, wish };
  return { place, shown: text, name, key: keyOf(name, text) };
}

function keyOf(name: string, text: string): string {
  const key = `${name.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 40)}-${hashOf(text)}`;
  return key.replace(/^\.+/, '_');
}

/** Triton's form for stores that are not Amazon's: s3://host:port/bucket/prefix, and s3://https://host:port/bucket/prefix. */
function s3Place(rest: string, text: string): SourcePlace {
  const own = /^(?:(https?):\/\/)?([^/:]+:\d+|\[[0-9a-f:]+\]:\d+)\/([^/]+)(?:\/(.*))?$/.exec(rest);
  if (own !== null) {
    const [, protocol = 'http', host = '', bucket = '', path = ''] = own;
    return { kind: 's3', endpoint: `${protocol}://${host}`, bucket, prefix: joined(path.split('/')) };
  }
  const [bucket = '', ...path] = rest.split('/');
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(bucket))
    throw wrong(text, 's3://bucket/prefix or s3://host:port/bucket/prefix');
  return { kind: 's3', endpoint: undefined, bucket, prefix: joined(path) };
}

function joined(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('/');
}

function wrong(text: string, form: string): Error {
  return sourceMisconfigured(`'${printable(text, 300)}' is no place of models; the form is ${form}`);
}
