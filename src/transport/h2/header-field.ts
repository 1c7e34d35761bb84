/** What a field means to the checks of a request; found once, when the field is decoded or enters the table. */
export type FieldKind =
  | 'ordinary'
  | 'method'
  | 'path'
  | 'scheme'
  | 'authority'
  | 'contentType'
  | 'contentLength'
  /** Breaks RFC 9113, section 8.2 or 8.3: the request that carries it is malformed. */
  | 'malformed';

/** Overhead that RFC 7541, section 4.1 counts for every field. */
const fieldOverheadBytes = 32;

/** One decoded field. Immutable: the dynamic table and any number of requests share it. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** As RFC 7541, section 4.1 counts it. */
  readonly sizeBytes: number;
  readonly kind: FieldKind;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.sizeBytes = name.length + value.length + fieldOverheadBytes;
    this.kind = kindOf(name, value);
  }
}

/** Characters of a lower-case field name: RFC 9110's token without upper case. */
const nameCharacters = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz") {
  nameCharacters[character.charCodeAt(0)] = 1;
}

function isValidName(name: string): boolean {
  if (name === '') return false;
  for (let index = 0; index < name.length; index++) {
    if (nameCharacters[name.charCodeAt(index)] !== 1) return false;
  }
  return true;
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** Control characters are refused, all of them: RFC 9113 names three, RFC 9110 allows none but the tab. */
function isValidValue(value: string): boolean {
  const length = value.length;
  if (length === 0) return true;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1))) return false;
  for (let index = 0; index < length; index++) {
    const code = value.charCodeAt(index);
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) return false;
  }
  return true;
}

function kindOf(name: string, value: string): FieldKind {
  if (!isValidValue(value)) return 'malformed';
  switch (name) {
    case ':method':
      return value === '' ? 'malformed' : 'method';
    case ':path':
      return value === '' ? 'malformed' : 'path';
    case ':scheme':
      return value === '' ? 'malformed' : 'scheme';
    case ':authority':
      return 'authority';
    case 'content-type':
      return 'contentType';
    case 'content-length':
      return /^\d{1,15}$/.test(value) ? 'contentLength' : 'malformed';
    case 'te':
      return value === 'trailers' ? 'ordinary' : 'malformed';
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
      return 'malformed';
    default:
      return isValidName(name) ? 'ordinary' : 'malformed';
  }
}
